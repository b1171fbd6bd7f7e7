// Objects in a bucket of Google Cloud Storage, or of a server with its JSON API. Each request of
// the store is one fetch. Google's own client is not used, because its requests have no time limit;
// its credentials library is.
//
// Integrity: an upload contains its MD5, which the service compares. A whole object that is read
// back is compared with its MD5. A plain http endpoint gets no token, which would be sent
// unencrypted.
import { createHash, randomUUID } from 'node:crypto';
import { GoogleAuth } from 'google-auth-library';
import { HayateError } from '../../kernel/error.ts';
import { type BucketOptions, type BucketRequests, cutToRange, explainStatus, openRemoteStore } from '../remote-store.ts';
import type { Store } from '../store.ts';

const ENDPOINT = 'https://storage.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/** An answer without success. */
class RefusedError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Opens the store. Throws CONFIGURATION if the bucket does not exist or the credentials are
 * insufficient, UNREACHABLE if there is no answer.
 */
export async function openGcsStore(options: BucketOptions): Promise<Store> {
  const { bucket } = options;
  const endpoint = (options.endpoint ?? ENDPOINT).replace(/\/$/, '');
  const authorization = openAuthorization(endpoint);
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const pathOf = (key: string): string => `${objects}/${encodeURIComponent(key)}`;

  /** Sends a request. Returns the answer if its status is a success or one of `expected`. */
  const send = async (path: string, init: RequestInit & { signal: AbortSignal }, expected: readonly number[] = []): Promise<Response> => {
    const headers = { ...init.headers, ...(await authorization()) };
    const response = await fetch(endpoint + path, { ...init, headers, redirect: 'manual' });
    if (response.ok || expected.includes(response.status)) return response;
    throw new RefusedError(response.status, messageIn(await response.text()));
  };
  const requests: BucketRequests = {
    put: async (key, bytes, ifAbsent, signal) => {
      const condition = ifAbsent ? '&ifGenerationMatch=0' : '';
      const { contentType, body } = uploadOf(bytes);
      const init = { method: 'POST', headers: { 'Content-Type': contentType }, body, signal };
      const response = await send(
        `/upload${objects}?uploadType=multipart&name=${encodeURIComponent(key)}&fields=size${condition}`,
        init,
        ifAbsent ? [412] : [],
      );
      await response.arrayBuffer();
      return response.ok;
    },
    get: async (key, range, signal) => {
      const headers = range === undefined ? {} : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
      const condition = range?.version === undefined ? '' : `&ifGenerationMatch=${range.version}`;
      const response = await send(`${pathOf(key)}?alt=media${condition}`, { headers, signal }, [404, 412, 416]);
      // A server that ignores the condition returns the current object.
      const generation = response.headers.get('x-goog-generation') ?? range?.version;
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status === 404 || response.status === 412 || (response.ok && generation !== (range?.version ?? generation)))
        return undefined;
      // The MD5 covers the whole object, so a part cannot be checked.
      const [, md5] = /\bmd5=([^,\s]+)/.exec(response.headers.get('x-goog-hash') ?? '') ?? [];
      if (response.status === 200 && md5 !== undefined && md5 !== md5Of(bytes)) throw new Error('an object arrived with the wrong MD5');
      // The object ends before the range begins.
      return response.ok ? cutToRange(bytes, response.status === 206, range) : new Uint8Array();
    },
    head: async (key, signal) => {
      const response = await send(`${pathOf(key)}?fields=size,generation,timeCreated`, { signal }, [404]);
      const { size, generation = '', timeCreated = '' } = (await response.json()) as Record<string, string | undefined>;
      return response.ok ? { size: Number(size), version: generation, modifiedMs: Date.parse(timeCreated) } : undefined;
    },
    page: async ({ prefix, from, token, keysMax }, signal) => {
      const query = new URLSearchParams({ prefix, maxResults: String(keysMax), fields: 'items(name,size),nextPageToken' });
      if (from !== undefined) query.set('startOffset', from);
      if (token !== undefined) query.set('pageToken', token);
      const response = await send(`${objects}?${query}`, { signal });
      const page = (await response.json()) as { items?: { name: string; size: string }[]; nextPageToken?: string };
      return {
        objects: (page.items ?? []).map(({ name, size }) => ({ key: name, size: Number(size) })),
        next: page.nextPageToken || undefined,
      };
    },
    remove: async (key, signal) => {
      await (await send(pathOf(key), { method: 'DELETE', signal }, [404])).arrayBuffer();
    },
    explain: (error) => {
      if (error instanceof HayateError) return error;
      if (error instanceof RefusedError) return explainStatus(error.status, `bucket ${bucket}: ${error.message}`, error);
      // fetch puts the reason into `cause`.
      const { cause } = error as { cause?: unknown };
      return explainStatus(undefined, String(cause ?? error), error);
    },
    close: () => undefined,
  };
  return openRemoteStore(requests, options);
}

/** Returns a function that makes the authorization headers. */
function openAuthorization(endpoint: string): () => Promise<Record<string, string>> {
  if (endpoint.startsWith('http:')) return async () => ({});
  const auth = new GoogleAuth({ scopes: [SCOPE] });
  return async () => {
    try {
      return Object.fromEntries(await auth.getRequestHeaders(endpoint));
    } catch (cause) {
      // An operator's own server may need no credentials.
      if (endpoint !== ENDPOINT && cause instanceof Error && cause.message.includes('default credentials')) return {};
      throw new HayateError('CONFIGURATION', `no credentials for Google Cloud Storage: ${String(cause)}`, { cause });
    }
  };
}

/** A multipart upload: the MD5 of the object's bytes, then the bytes. */
function uploadOf(bytes: Uint8Array): { contentType: string; body: Buffer<ArrayBuffer> } {
  const boundary = randomUUID();
  const md5Hash = md5Of(bytes);
  const head = `--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify({ md5Hash })}\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { contentType: `multipart/related; boundary=${boundary}`, body };
}

function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}

/** The message in an error's body. */
function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? text;
  } catch {
    return text;
  }
}
