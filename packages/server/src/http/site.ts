// How this server is reached from the web: below which path, by pages of which origins, and through which proxies.
import { Networks } from '../kernel/networks.ts';
import { checkBasePath } from './base-path.ts';
import { OriginList } from './origin-list.ts';

export interface Site {
  /** `/hayate`, or empty. */
  readonly basePath: string;
  /** Who may use the HTTP API from elsewhere; undefined: nobody, and answers say nothing of it. */
  readonly origins: OriginList | undefined;
  /** Reverse proxies that tell whose requests they pass on. */
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
