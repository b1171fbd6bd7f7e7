// Objects in a bucket of S3, or of a server that speaks S3. The SDK sends each request of the store
// once.
//
// Integrity: a body is signed by its SHA-256, which every S3 server compares. So a body needs none
// of the SDK's newer default checksums, whose trailers compatible servers often do not support. For
// the same reason reads request no checksums: TLS protects them on their way, and the digests in
// the archive's objects prove the content.
import { addAbortSignal, Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { HayateError } from '../../kernel/error.ts';
import { type BucketOptions, type BucketRequests, cutToRange, explainStatus, openRemoteStore, REQUESTS_MAX } from '../remote-store.ts';
import type { Store } from '../store.ts';

/**
 * The options of an S3 bucket. Credentials come from the SDK's usual chain: environment, files,
 * roles.
 */
interface S3Options extends BucketOptions {
  readonly region: string;
}

/** Errors that need a change to the bucket or the credentials. */
const CONFIGURATION_NAMES = new Set([
  'AuthorizationHeaderMalformed',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidToken',
  'NoSuchBucket',
  'PermanentRedirect',
]);
/**
 * Two puts of one key collided, or clocks differ. The SDK corrects its clock after such an answer,
 * so the request is sent again.
 */
const TEMPORARY_NAMES = new Set(['ConditionalRequestConflict', 'OperationAborted', 'RequestTimeTooSkewed', 'SlowDown']);

/** The prefix of versions of objects without an entity tag. */
const UNTAGGED = 'written:';

/**
 * Opens the store. Throws CONFIGURATION if the bucket does not exist or the credentials are
 * insufficient, UNREACHABLE if there is no answer.
 */
export async function openS3Store(options: S3Options): Promise<Store> {
  const { bucket: Bucket, region, endpoint, timeoutMs, requestsMax: maxSockets = REQUESTS_MAX } = options;
  const client = new S3Client({
    region,
    // Bucket names as host names need DNS entries that private servers rarely have.
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: timeoutMs, httpAgent: { maxSockets }, httpsAgent: { maxSockets } },
  });
  const requests: BucketRequests = {
    put: async (Key, bytes, ifAbsent, abortSignal) => {
      const condition = ifAbsent ? { IfNoneMatch: '*' } : {};
      try {
        await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ContentLength: bytes.length, ...condition }), { abortSignal });
        return true;
      } catch (error) {
        if (ifAbsent && statusOf(error) === 412) return false;
        throw error;
      }
    },
    get: async (Key, range, abortSignal) => {
      const part = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
      const wanted = range?.version;
      const condition = wanted === undefined || wanted.startsWith(UNTAGGED) ? {} : { IfMatch: `"${wanted}"` };
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...part, ...condition }), { abortSignal });
        const { Body, ContentLength, ContentRange } = answer;
        // A server that ignores the condition returns the current object.
        if (wanted !== undefined && wanted !== versionOf(answer)) {
          if (Body instanceof Readable) Body.destroy();
          return undefined;
        }
        const bytes = Body instanceof Readable ? Buffer.concat(await addAbortSignal(abortSignal, Body).toArray()) : Buffer.alloc(0);
        if (bytes.length !== (ContentLength ?? bytes.length)) throw new Error(`${bytes.length} of ${ContentLength} bytes arrived`);
        return cutToRange(bytes, ContentRange !== undefined, range);
      } catch (error) {
        if (isNoObject(error) || (wanted !== undefined && statusOf(error) === 412)) return undefined;
        // The object ends before the range begins.
        if (range !== undefined && statusOf(error) === 416) return new Uint8Array();
        throw error;
      }
    },
    head: async (Key, abortSignal) => {
      try {
        const answer = await client.send(new HeadObjectCommand({ Bucket, Key }), { abortSignal });
        return { size: answer.ContentLength ?? 0, version: versionOf(answer), modifiedMs: answer.LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (isNoObject(error)) return undefined;
        throw error;
      }
    },
    page: async ({ prefix, from, token, keysMax }, abortSignal) => {
      const begin = { ...(from === undefined ? {} : { StartAfter: from }), ...(token === undefined ? {} : { ContinuationToken: token }) };
      const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, MaxKeys: keysMax, ...begin }), { abortSignal });
      const objects = (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({ key: Key, size: Size }));
      return { objects, next: page.IsTruncated ? page.NextContinuationToken : undefined };
    },
    remove: async (Key, abortSignal) => {
      await client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal });
    },
    explain: (error) => {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      const said = `${name}: ${message}`;
      if (TEMPORARY_NAMES.has(name))
        return new HayateError('UNREACHABLE', `the object store answered ${said}`, { cause: error, temporary: true });
      if (CONFIGURATION_NAMES.has(name)) return new HayateError('CONFIGURATION', `bucket ${Bucket}: ${said}`, { cause: error });
      return explainStatus(statusOf(error), said, error);
    },
    close: () => client.destroy(),
  };
  return openRemoteStore(requests, options);
}

/**
 * The entity tag, which S3 derives from the content; if the server gives none, the modification
 * time.
 */
function versionOf({ ETag, LastModified }: { ETag?: string | undefined; LastModified?: Date | undefined }): string {
  const tag = ETag?.replace(/^W\//, '').replaceAll('"', '') ?? '';
  return tag !== '' ? tag : `${UNTAGGED}${LastModified?.getTime() ?? 0}`;
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/**
 * Excludes a missing bucket or user, which would make every object seem absent. The answer to a
 * HEAD has no body, and therefore no such name.
 */
function isNoObject(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound');
}
