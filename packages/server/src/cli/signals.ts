// What signals do to the program. In: signals. Out: one interruption for commands, and reloads for a service.
// docs/operate/reverse-proxy.md has the table for operators.
import type { Io } from './command.ts';
import { type EndSignal, exitCodeOf, Interrupted, leave } from './interruption.ts';

export interface Signals extends Required<Pick<Io, 'interrupted' | 'becomeService'>> {
  /** Interrupts the command, as the first signal does. */
  interrupt(): void;
  /** Gives the signals back to their defaults. */
  release(): void;
}

/** Takes over the signals of this process. */
export function handleSignals(): Signals {
  const interruption = new AbortController();
  // Asked at the start: once the terminal has ended, isTTY is false.
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  let reload: (() => void) | undefined;

  const end = (signal: EndSignal) => {
    if (interruption.signal.aborted) leave(exitCodeOf(signal));
    interruption.abort(new Interrupted(signal));
  };
  // The end of a terminal may come twice, from the kernel and from the shell: it never ends the process at once.
  const hangUp = () => (reload === undefined || hasTerminal ? interruption.abort(new Interrupted('SIGHUP')) : reload());
  // By default Node opens its debugger to every user of the machine.
  const ignore = () => undefined;
  const listeners = { SIGINT: end, SIGQUIT: end, SIGTERM: end, SIGHUP: hangUp, SIGUSR1: ignore };
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  // Nobody is left to be told.
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
