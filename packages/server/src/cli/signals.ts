// What signals and lost outputs do to the program. In: signals, and errors of its outputs. Out: one interruption for commands, and
// reloads for a service. docs/operate/reverse-proxy.md has the table for operators.
import type { Io } from './command.ts';

/** Exit codes of a second signal: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;
type EndSignal = keyof typeof EXIT_CODES;

export interface Signals extends Required<Pick<Io, 'interrupted' | 'becomeService'>> {
  /** Interrupts the command, as the first signal does. */
  interrupt(): void;
  /** Gives the signals back to their defaults. */
  release(): void;
}

/** Takes over the signals of this process. */
export function handleSignals(): Signals {
  const interruption = new AbortController();
  // Asked now: a terminal that has ended is none any more.
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  let reload: (() => void) | undefined;

  const end = (signal: NodeJS.Signals) => {
    if (interruption.signal.aborted) process.exit(EXIT_CODES[signal as EndSignal]);
    interruption.abort();
  };
  // The end of a terminal may come twice, from the kernel and from the shell: it never ends the process at once.
  const hangUp = () => (reload === undefined || hasTerminal ? interruption.abort() : reload());
  // By default Node opens its debugger to every user of the machine.
  const ignore = () => undefined;
  const onOutputError = () => {
    // A reader that has seen enough (`| head`) is no failure. A service continues, and drains when its terminal has ended.
    if (reload === undefined && !interruption.signal.aborted) process.exit(0);
  };

  const listeners = { SIGINT: end, SIGQUIT: end, SIGTERM: end, SIGHUP: hangUp, SIGUSR1: ignore };
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  process.stdout.on('error', onOutputError);
  process.stderr.on('error', ignore);
  return {
    interrupted: interruption.signal,
    interrupt: () => interruption.abort(),
    becomeService: (onReload) => {
      reload = onReload;
    },
    release: () => {
      for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener);
    },
  };
}
