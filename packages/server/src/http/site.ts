// How this server is reached from the web: below which path, and by pages of which origins.
import { checkBasePath } from './base-path.ts';
import { OriginList } from './origin-list.ts';

export interface Site {
  /** `/hayate`, or empty. */
  readonly basePath: string;
  /** Who may use the HTTP API from elsewhere; undefined: nobody, and answers say nothing of it. */
  readonly origins: OriginList | undefined;
}

/** Reads --base-path and --cors-origins. Throws HayateError CONFIGURATION. */
export function readSite({ basePath, corsOrigins }: { basePath: string; corsOrigins: readonly string[] }): Site {
  return { basePath: checkBasePath(basePath), origins: corsOrigins.length === 0 ? undefined : new OriginList(corsOrigins) };
}
