// Turns any error into one clear line and an exit code: 2 for wrong arguments or settings, else 1.
import { debuglog } from 'node:util';
import { ClientError } from '@hayate/client';
import { OggError } from '../format/ogg/index.ts';
import { HayateError } from '../kernel/error.ts';
import { terminalText } from './terminal-text.ts';

const debug = debuglog('hayate');

/** System errors (errno names) in words; the path or address is put before or after them. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'exists already',
  ENOSPC: 'no space left on the disk',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  ENXIO: 'no program reads this pipe',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
  ETXTBSY: 'a program that runs',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file is larger than allowed',
  EIO: 'the disk fails',
  EPIPE: 'its reader has closed it',
  EADDRINUSE: 'the address is in use by another program',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route to the host',
  UND_ERR_CONNECT_TIMEOUT: 'timed out',
  UND_ERR_SOCKET: 'the connection was lost',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted: it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted',
};

/** One line for people, safe to print on a terminal, and the exit code. */
export interface Failure {
  readonly line: string;
  readonly exitCode: number;
}

/**
 * Describes `error`. The line of an unexpected error says so; NODE_DEBUG=hayate prints its stack.
 */
export function failureOf(error: unknown): Failure {
  debug('%s', error);
  if (error instanceof HayateError) return { line: oneLine(error.message), exitCode: error.code === 'CONFIGURATION' ? 2 : 1 };
  if (error instanceof ClientError || error instanceof OggError) return { line: oneLine(error.message), exitCode: 1 };
  const words = systemWords(error);
  if (words !== undefined && error instanceof Error) {
    const place = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : 'port' in error ? `port ${error.port}: ` : '';
    return { line: oneLine(`${place}${words}`), exitCode: 1 };
  }
  return { line: `internal error: ${oneLine(error instanceof Error ? `${error.name}: ${error.message}` : String(error))}`, exitCode: 1 };
}

/**
 * Finds a system or network error in the chain of causes and returns it in words; undefined if
 * there is none.
 */
export function systemWords(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const inner = at instanceof AggregateError ? at.errors.map(systemWords).find((words) => words !== undefined) : undefined;
    const words = 'code' in at && typeof at.code === 'string' ? SYSTEM[at.code] : undefined;
    if (words !== undefined || inner !== undefined) return words ?? inner;
  }
  return undefined;
}

function oneLine(text: string): string {
  return terminalText(text.replace(/\s*\n\s*/g, ' ').trim());
}
