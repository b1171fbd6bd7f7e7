// How signals end a command. In: the first signal, as an AbortSignal. Out: the exit code that a
// shell gives for it, within bounded time, even if the command hangs. Unfinished files are removed,
// even when the process ends at once.
import { existsSync, rmSync } from 'node:fs';

/** Time that a command has to stop by itself, unless it has its own limit. */
const GRACE_MS = 2_000;

/** Exit codes of commands that a signal ended: 128 plus its number. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;

/** Signals that end a command. */
export type EndSignal = keyof typeof EXIT_CODES;

/** The exit code that a shell gives for `signal`. */
export function exitCodeOf(signal: EndSignal): number {
  return EXIT_CODES[signal];
}

/** The reason why a command stopped early; used as the reason of the AbortSignal in Io. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: EndSignal;

  constructor(signal: EndSignal) {
    super('interrupted');
    this.signal = signal;
  }
}

/** The exit code that a shell gives for the signal that aborted `interrupted`. */
export function interruptedCode({ reason }: AbortSignal): number {
  return exitCodeOf(reason instanceof Interrupted ? reason.signal : 'SIGINT');
}

/**
 * Returns the result of `work`, but rejects with the signal's reason as soon as it aborts. The
 * later result of `work` is ignored.
 */
export async function untilInterrupted<T>(interrupted: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  interrupted.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(interrupted.reason);
  interrupted.addEventListener('abort', abort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    interrupted.removeEventListener('abort', abort);
  }
}

/** Returns the result of `work`, but rejects with the signal's reason GRACE_MS after it aborts. */
export async function withGrace<T>(interrupted: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  const over = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const begin = () => {
    timer = setTimeout(() => over.abort(interrupted.reason), GRACE_MS);
  };
  if (interrupted.aborted) begin();
  else interrupted.addEventListener('abort', begin);
  try {
    return await untilInterrupted(over.signal, work);
  } finally {
    interrupted.removeEventListener('abort', begin);
    clearTimeout(timer);
  }
}

const unfinished = new Set<string>();

/** Removes `path`, a file or directory, if the process ends before `finished` is called. */
export function markUnfinished(path: string): { finished(): void } {
  if (unfinished.size === 0) process.on('exit', removeUnfinished);
  unfinished.add(path);
  return {
    finished: () => {
      unfinished.delete(path);
      if (unfinished.size === 0) process.off('exit', removeUnfinished);
    },
  };
}

function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { recursive: true, force: true });
}

const SHELL = '/bin/sh';

/** Ends the process at once. */
export function leave(code: number): never {
  removeUnfinished();
  // An exit waits for the threads that resolve names and open files, and such a thread can hang in
  // the system for minutes. Replacing the process with another program ends all threads at once.
  if (process.execve !== undefined && existsSync(SHELL)) process.execve(SHELL, [SHELL, '-c', `exit ${code}`], {});
  return process.exit(code);
}
