// One line of progress on stderr: rewritten four times a second on a terminal, one line every 10 s
// in a log.
import type { Output } from './command.ts';
import { fitColumns, terminalText } from './terminal-text.ts';

const TERMINAL_MS = 250;
const LOG_MS = 10_000;

/**
 * Shows `render()` repeatedly until it is closed. Lines from `say` appear above the progress line.
 */
export class Progress {
  readonly #out: Output;
  readonly #render: () => string;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(out: Output, render: () => string) {
    this.#out = out;
    this.#render = render;
    this.#timer = setInterval(() => this.#show(), out.isTTY ? TERMINAL_MS : LOG_MS);
  }

  /** Writes a permanent line; characters that a terminal would obey are escaped. */
  say(line: string): void {
    this.#out.write(`${this.#clear}${terminalText(line)}\n`);
  }

  /** Stops, and clears the terminal's line. */
  close(): void {
    clearInterval(this.#timer);
    this.#out.write(this.#clear);
  }

  get #clear(): string {
    return this.#out.isTTY ? '\r\x1b[K' : '';
  }

  #show(): void {
    const line = terminalText(this.#render());
    this.#out.write(this.#out.isTTY ? `${this.#clear}${fitColumns(line, (this.#out.columns ?? 80) - 1)}` : `${line}\n`);
  }
}

/** Formats milliseconds as `1:02:03` or `2:03`. */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}` : `${m}:${String(s).padStart(2, '0')}`;
}
