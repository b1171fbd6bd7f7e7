// Turns the process's signals into one interruption for commands, and into reloads for a service.
// docs/operate/reverse-proxy.md has the table for operators.
import type { Io } from './command.ts';
import { type EndSignal, exitCodeOf, Interrupted, leave } from './interruption.ts';

export interface Signals extends Required<Pick<Io, 'interrupted' | 'becomeService'>> {
  /** Interrupts the command like the first signal does. */
  interrupt(): void;
  /** Restores the default handling of signals. */
  release(): void;
}

/** Handles the signals of this process. */
export function handleSignals(): Signals {
  const interruption = new AbortController();
  // Asked at the start: isTTY is false after the terminal has ended.
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  let reload: (() => void) | undefined;

  const end = (signal: EndSignal) => {
    if (interruption.signal.aborted) leave(exitCodeOf(signal));
    interruption.abort(new Interrupted(signal));
  };
  // The kernel and the shell may both report the end of a terminal: the second report must not end
  // the process at once.
  const hangUp = () => (reload === undefined || hasTerminal ? interruption.abort(new Interrupted('SIGHUP')) : reload());
  // By default Node opens its debugger to every user of the machine.
  const ignore = () => undefined;
  const listeners = { SIGINT: end, SIGQUIT: end, SIGTERM: end, SIGHUP: hangUp, SIGUSR1: ignore };
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  // No reader is left for the error.
  process.stderr.on('error', ignore);
  return {
    interrupted: interruption.signal,
    interrupt: () => interruption.abort(new Interrupted('SIGTERM')),
    becomeService: (onReload) => {
      reload = onReload;
    },
    release: () => {
      for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener);
    },
  };
}
