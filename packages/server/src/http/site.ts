// How this server is reached from the web: its base path, the origins that may use it, and its
// trusted proxies.
import { Networks } from '../kernel/networks.ts';
import { checkBasePath } from './base-path.ts';
import { OriginList } from './origin-list.ts';

export interface Site {
  /** `/hayate`, or empty. */
  readonly basePath: string;
  /**
   * Origins that may use the HTTP API from elsewhere; undefined: none, and answers have no CORS
   * header fields.
   */
  readonly origins: OriginList | undefined;
  /** Reverse proxies that are trusted to report the client of a request. */
  readonly trustedProxies: Networks;
}

/** Reads --base-path, --cors-origins and --trusted-proxies. Throws HayateError CONFIGURATION. */
export function readSite(settings: { basePath: string; corsOrigins: readonly string[]; trustedProxies: readonly string[] }): Site {
  const { basePath, corsOrigins, trustedProxies } = settings;
  return {
    basePath: checkBasePath(basePath),
    origins: corsOrigins.length === 0 ? undefined : new OriginList(corsOrigins),
    trustedProxies: new Networks('--trusted-proxies', trustedProxies),
  };
}
