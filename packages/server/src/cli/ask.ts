// Asks the person at the terminal a question and reads one line as the answer.
import { createInterface } from 'node:readline/promises';

/**
 * Asks on stderr, so that stdout holds only results. Returns '' if the input ends or `signal`
 * aborts.
 */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  // Not in terminal mode: Ctrl-C must reach the process as a signal.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return await Promise.race([lines.question(question, { signal }).catch(() => ''), ended]);
  } finally {
    lines.close();
  }
}
