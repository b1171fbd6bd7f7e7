// Reads standard input as the value of one option, such as `--token-file -`: to its end, before the
// command runs, up to a limit.
import { HayateError } from '../kernel/error.ts';
import type { Io } from './command.ts';
import { untilInterrupted } from './interruption.ts';

/** Secrets are short. */
const BYTES_MAX = 65_536;

/**
 * Reads the value of `option` from standard input; undefined if `option` is undefined. Throws
 * CONFIGURATION, or the signal's reason if interrupted.
 */
export async function readStandardInput(option: string | undefined, { stdin, stderr, interrupted }: Io): Promise<string | undefined> {
  if (option === undefined) return undefined;
  if (stdin === undefined) throw new HayateError('CONFIGURATION', `${option} -: there is no standard input`);
  if (stdin.isTTY) stderr.write(`${option}: type it, then Enter and Ctrl-D\n`);
  try {
    return await untilInterrupted(interrupted, readAll(option, stdin));
  } finally {
    stdin.pause();
  }
}

async function readAll(option: string, stdin: NodeJS.ReadableStream): Promise<string> {
  const portions: Buffer[] = [];
  let bytes = 0;
  for await (const portion of stdin) {
    portions.push(Buffer.from(portion));
    bytes += portion.length;
    if (bytes > BYTES_MAX) throw new HayateError('CONFIGURATION', `${option} -: more than ${BYTES_MAX} bytes`);
  }
  return Buffer.concat(portions).toString('utf8');
}
