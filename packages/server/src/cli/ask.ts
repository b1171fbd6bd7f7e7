// A question to the person at the terminal, answered by a line.
import { createInterface } from 'node:readline/promises';

/** Asks on stderr, so that results stay by themselves. Empty if the input ends, or when `signal` aborts. */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  // Not as a terminal: Ctrl-C is to reach the process as a signal.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return await Promise.race([lines.question(question, { signal }).catch(() => ''), ended]);
  } finally {
    lines.close();
  }
}
