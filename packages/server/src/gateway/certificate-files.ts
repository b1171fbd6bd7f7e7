// The operator's certificate: --tls-cert and --tls-key. In: two PEM files that are replaced while
// the server runs. Out: the pair to serve. A pair that does not match is never served (the files
// change at different moments): the last good pair stays in use.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { Counter, Gauge } from '@prometheus-io/client';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import { WatchedFiles } from '../kernel/watched-file.ts';

/** A certificate chain, the server's own certificate first, and its key, both in PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

interface CertificateFilesOptions {
  readonly certPath: string;
  readonly keyPath: string;
  /** How often the files are checked. Default: that of WatchedFiles. */
  readonly intervalMs?: number;
}

/** A certificate and its key, kept up to date from their files. */
export class CertificateFiles {
  readonly #metrics: ReturnType<typeof certificateMetrics>;
  readonly #context: Context;
  readonly #log: RateLimitedLog;
  readonly #files: WatchedFiles;
  #pair: CertificatePair;
  #listener: (pair: CertificatePair) => void = () => undefined;

  private constructor(context: Context, files: WatchedFiles) {
    this.#context = context;
    this.#files = files;
    this.#pair = pairOf(files.contents);
    this.#log = new RateLimitedLog(context.logger, () => context.clock.nowMs());
    this.#metrics = certificateMetrics(context);
    this.#metrics.expires.set(expiresSeconds(this.#pair));
  }

  /**
   * Reads both files and watches them. Rejects with HayateError CONFIGURATION if they cannot be
   * read or do not match.
   */
  static async open(context: Context, { certPath, keyPath, intervalMs }: CertificateFilesOptions): Promise<CertificateFiles> {
    const events = { take: (_pair: CertificatePair) => {}, refuse: (_why: string) => {} };
    const files = await WatchedFiles.open({
      clock: context.clock,
      paths: [certPath, keyPath],
      onChange: (contents) => events.take(pairOf(contents)),
      onProblem: ({ message }) => events.refuse(message),
      ...(intervalMs === undefined ? {} : { intervalMs }),
    }).catch((cause: unknown) => {
      throw configuration('the TLS certificate or key cannot be read', cause);
    });
    try {
      const certificate = new CertificateFiles(context, files);
      events.take = (pair) => certificate.#take(pair);
      events.refuse = (why) => certificate.#refuse(why);
      return certificate;
    } catch (error) {
      files.close();
      throw error;
    }
  }

  /** The pair in use. */
  get pair(): CertificatePair {
    return this.#pair;
  }

  /** Calls `listener` with each new pair. */
  onChange(listener: (pair: CertificatePair) => void): void {
    this.#listener = listener;
  }

  /** Checks the files now. Never rejects. */
  check(): Promise<void> {
    return this.#files.check();
  }

  /** Stops checking the files. */
  close(): void {
    this.#files.close();
  }

  #take(pair: CertificatePair): void {
    this.#pair = pair;
    this.#listener(pair);
    this.#metrics.expires.set(expiresSeconds(pair));
    this.#metrics.reloads.inc({ result: 'taken' });
    this.#context.logger.info({ expires: new X509Certificate(pair.cert).validToDate.toISOString() }, 'a new TLS certificate is in use');
  }

  #refuse(why: string): void {
    this.#metrics.reloads.inc({ result: 'refused' });
    this.#log.warn('the new TLS certificate is not used', { why });
  }
}

function certificateMetrics({ registry }: Context) {
  const reloads = new Counter({
    name: 'hayate_tls_reloads_total',
    help: 'Changes of the certificate and key files: used, or refused because the files do not match',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of ['taken', 'refused']) reloads.inc({ result }, 0);
  const expires = new Gauge({
    name: 'hayate_tls_certificate_expires_seconds',
    help: 'When the certificate in use expires, Unix time',
    registers: [registry],
  });
  return { reloads, expires };
}

function expiresSeconds({ cert }: CertificatePair): number {
  return new X509Certificate(cert).validToDate.getTime() / 1_000;
}

/** Throws HayateError CONFIGURATION unless the two are a certificate and its key. */
function pairOf([certFile, keyFile]: readonly Buffer[]): CertificatePair {
  const pair = { cert: String(certFile), key: String(keyFile) };
  const certificate = parsed('--tls-cert holds no PEM certificate', () => new X509Certificate(pair.cert));
  const key = parsed('--tls-key holds no PEM private key, or one with a passphrase', () => createPrivateKey(pair.key));
  if (!certificate.checkPrivateKey(key)) throw configuration('the first certificate in --tls-cert does not belong to --tls-key');
  // Catches the remaining faults: the other certificates of the chain, and keys that OpenSSL
  // considers too weak.
  parsed('the TLS certificate and its key cannot be used', () => createSecureContext(pair));
  return pair;
}

function parsed<T>(otherwise: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw configuration(otherwise, cause);
  }
}

function configuration(message: string, cause?: unknown): HayateError {
  return new HayateError('CONFIGURATION', message, { cause });
}
