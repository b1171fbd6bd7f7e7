// In: --store and --store-endpoint as an operator writes them. Out: the bucket, the prefix of every
// key in it, and the bucket's server.
import { HayateError } from '../kernel/error.ts';
import { isKeySegment } from './store.ts';

/** Short enough that the archive's own keys stay within KEY_LENGTH_MAX. */
const PREFIX_LENGTH_MAX = 512;

/** A bucket and a prefix. */
export interface BucketAddress {
  readonly bucket: string;
  /** '' or a path that ends in '/'. */
  readonly prefix: string;
}

/**
 * Reads `SCHEME://BUCKET` or `SCHEME://BUCKET/PREFIX`, with or without a slash at its end. Throws
 * CONFIGURATION.
 */
export function parseBucketAddress(text: string): BucketAddress {
  const [, scheme = '', bucket = '', path = ''] = /^([a-z0-9]+):\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,221})(?:\/(.*?))?\/?$/.exec(text) ?? [];
  const isPath = path === '' || (path.length <= PREFIX_LENGTH_MAX && path.split('/').every(isKeySegment));
  if (bucket === '' || !isPath)
    throw new HayateError(
      'CONFIGURATION',
      `--store ${text}: must be ${scheme === '' ? 'SCHEME' : scheme}://BUCKET/PREFIX; a prefix consists of [A-Za-z0-9_=.-] and '/'`,
    );
  return { bucket, prefix: path === '' ? '' : `${path}/` };
}

/**
 * Reads --store-endpoint, an http or https URL, and removes a slash at its end. Throws
 * CONFIGURATION.
 */
export function parseEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new HayateError(
      'CONFIGURATION',
      `--store-endpoint must be a URL such as http://localhost:9000 or http://[::1]:9000, not "${text}"`,
    );
  return url.href.replace(/\/$/, '');
}
