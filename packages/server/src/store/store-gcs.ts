// Objects in a bucket of Google Cloud Storage, or of a server that speaks its JSON API: each request of the store's as one fetch.
// Google's own client is not used, as its requests have no time limit; its library for credentials is.
//
// Integrity: an upload names its MD5, which the service compares; a whole object that comes back is compared with its own. A plain http endpoint gets no token: it would travel in the clear.
import { createHash, randomUUID } from 'node:crypto';
import { GoogleAuth } from 'google-auth-library';
import { HayateError } from '../kernel/error.ts';
import { type BucketOptions, type BucketRequests, cutToRange, explainStatus, openRemoteStore } from './remote-store.ts';
import type { Store } from './store.ts';

const ENDPOINT = 'https://storage.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';

/** An answer that is not a success. */
class RefusedError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Opens the store. Throws CONFIGURATION if there is no such bucket or the credentials do not do, UNREACHABLE if nobody answers. */
export async function openGcsStore(options: BucketOptions): Promise<Store> {
  const { bucket } = options;
  const endpoint = (options.endpoint ?? ENDPOINT).replace(/\/$/, '');
  const authorization = openAuthorization(endpoint);
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const pathOf = (key: string): string => `${objects}/${encodeURIComponent(key)}`;

  /** Sends a request; the answer if its status is a success or one of `expected`. */
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
      // A server that passes over the condition gives what is there.
      const generation = response.headers.get('x-goog-generation') ?? range?.version;
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.status === 404 || response.status === 412 || (response.ok && generation !== (range?.version ?? generation)))
        return undefined;
      // Of the object, so nothing is known of a part.
      const [, md5] = /\bmd5=([^,\s]+)/.exec(response.headers.get('x-goog-hash') ?? '') ?? [];
      if (response.status === 200 && md5 !== undefined && md5 !== md5Of(bytes)) throw new Error('an object came with another MD5');
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
      // fetch says what went wrong in the cause.
      const { cause } = error as { cause?: unknown };
      return explainStatus(undefined, String(cause ?? error), error);
    },
    close: () => undefined,
  };
  return openRemoteStore(requests, options);
}

/** Gives the headers that show who asks. */
function openAuthorization(endpoint: string): () => Promise<Record<string, string>> {
  if (endpoint.startsWith('http:')) return async () => ({});
  const auth = new GoogleAuth({ scopes: [SCOPE] });
  return async () => {
    try {
      return Object.fromEntries(await auth.getRequestHeaders(endpoint));
    } catch (cause) {
      // A server of one's own may want none.
      if (endpoint !== ENDPOINT && cause instanceof Error && cause.message.includes('default credentials')) return {};
      throw new HayateError('CONFIGURATION', `no credentials for Google Cloud Storage: ${String(cause)}`, { cause });
    }
  };
}

/** A multipart upload: the MD5 of the object's bytes, and they. */
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

/** What an error's body says. */
function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? text;
  } catch {
    return text;
  }
}
