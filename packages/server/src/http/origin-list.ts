// The web origins that may read this server's answers, as an operator writes them: exact origins,
// all hosts below a domain, or any. Each is converted to the form that browsers send (RFC 6454
// section 6.2), or refused with the reason.
import { HayateError } from '../kernel/error.ts';

/** Host names that a wildcard matches. */
const SUBDOMAIN = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

interface Wildcard {
  /** `https://` */
  readonly before: string;
  /** `.example.com:8443` */
  readonly after: string;
}

/** An allow-list of origins. */
export class OriginList {
  readonly #exact = new Set<string>();
  readonly #wildcards: Wildcard[] = [];
  /** Whether any origin is allowed. */
  readonly any: boolean;

  /** Throws HayateError CONFIGURATION, naming the first entry that is not an origin. */
  constructor(entries: readonly string[]) {
    this.any = entries.includes('*');
    for (const entry of entries) if (entry !== '*') this.#add(entry);
  }

  /** Whether the list allows `origin`, an Origin header field, by name. */
  has(origin: string): boolean {
    return this.#exact.has(origin) || this.#wildcards.some((wildcard) => isBelow(wildcard, origin));
  }

  #add(entry: string): void {
    const refuse = (why: string) => new HayateError('CONFIGURATION', `--cors-origins: "${entry.slice(0, 200)}" ${why}`);
    if (entry === 'null') throw refuse("is the origin of every sandboxed or local page, so anyone's: give the origin of your application");
    const [, scheme, wildcard, rest] = /^([a-z][a-z0-9+.-]*):\/\/(\*\.)?(.+)$/i.exec(entry) ?? [];
    if (scheme === undefined || rest === undefined) throw refuse('is not an origin such as https://app.example');
    const host = hostOf(scheme.toLowerCase(), rest);
    if (host === undefined) throw refuse('is not an origin: give only scheme, host and port, such as https://app.example:8443');
    if (rest.includes('*') || (wildcard !== undefined && (/^[[\d]/.test(host) || !/\..|^localhost(:|$)/.test(host))))
      throw refuse('has an unsupported wildcard: only https://*.example.com, for the hosts below a domain, is supported');
    if (wildcard === undefined) this.#exact.add(`${scheme.toLowerCase()}://${host}`);
    else this.#wildcards.push({ before: `${scheme.toLowerCase()}://`, after: `.${host}` });
  }
}

/**
 * Host and port as browsers write them: lower case, punycode, no default port. Undefined for any
 * other text.
 */
function hostOf(scheme: string, rest: string): string | undefined {
  // URL applies its rules for hosts only to the schemes that it knows. Pages in apps come from
  // other schemes, such as capacitor://localhost.
  const isWeb = scheme === 'http' || scheme === 'https';
  const address = `${isWeb ? scheme : 'http'}://${rest}`;
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isBare = /^[^/\\?#@]+\/?$/.test(rest) && url.pathname === '/' && url.hostname !== '';
  return isBare ? (isWeb ? url.host : rest.replace(/\/$/, '').toLowerCase()) : undefined;
}

function isBelow({ before, after }: Wildcard, origin: string): boolean {
  return (
    origin.length > before.length + after.length &&
    origin.startsWith(before) &&
    origin.endsWith(after) &&
    SUBDOMAIN.test(origin.slice(before.length, -after.length))
  );
}
