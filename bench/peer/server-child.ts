// The common part of every measured server in TypeScript: flags, the lines `go` and `halt` on
// standard input, and a clock for the streams' payloads. The clock spaces the payloads of a stream
// evenly and keeps streams out of step with one another. floor.c does the same in C.
import { Buffer } from 'node:buffer';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { MARK_BYTES, writeMark } from '../load/mark.ts';

/** The load, by flags: --streams --rate --bytes. Arguments after `--` are the server's own. */
interface LoadSettings {
  streams: number;
  /** Payloads a second of each stream. */
  rate: number;
  /** Bytes of the WebSocket message that carries one payload, as near as the protocol allows. */
  bytes: number;
  rest: readonly string[];
}

/** A running server. */
export interface RunningPeer {
  port: number;
  /** Sends the stream's next payload to all its viewers. */
  publish(stream: number, sequence: number): void;
}

/** A payload of `bytes` with its mark. */
export function markedPayload(stream: number, sequence: number, bytes: number): Buffer {
  const payload = Buffer.alloc(bytes, 0x55);
  writeMark(payload, 0, { stream, sequence, payloadBytes: bytes });
  return payload;
}

/**
 * Starts a server and serves until standard input ends. Prints `{"port":N}` when the server
 * listens.
 */
export async function serveChild(open: (settings: LoadSettings) => Promise<RunningPeer>): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      streams: { type: 'string', default: '1' },
      rate: { type: 'string', default: '50' },
      bytes: { type: 'string', default: '640' },
    },
    allowPositionals: true,
  });
  const settings = { streams: Number(values.streams), rate: Number(values.rate), bytes: Number(values.bytes), rest: positionals };
  if (!(settings.streams > 0 && settings.rate > 0 && settings.bytes >= MARK_BYTES)) throw new Error('flags');
  const peer = await open(settings);
  const ticker = new Ticker(settings, peer);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => (line === 'go' ? ticker.go() : ticker.halt()));
  lines.on('close', () => process.exit(0));
  process.stdout.write(`${JSON.stringify({ port: peer.port })}\n`);
}

/**
 * Calls `publish` for each stream `rate` times a second, without drift. A server that cannot keep
 * up is asked for less, not for more at once.
 */
class Ticker {
  readonly #settings: LoadSettings;
  readonly #peer: RunningPeer;
  readonly #streams: { dueMs: number; sequence: number }[];
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: LoadSettings, peer: RunningPeer) {
    this.#settings = settings;
    this.#peer = peer;
    this.#streams = Array.from({ length: settings.streams }, () => ({ dueMs: 0, sequence: 0 }));
  }

  go(): void {
    clearTimeout(this.#timer);
    const periodMs = 1_000 / this.#settings.rate;
    const now = performance.now();
    for (const [index, stream] of this.#streams.entries()) stream.dueMs = now + periodMs * (1 + index / this.#streams.length);
    this.#arm();
  }

  halt(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const due = Math.min(...this.#streams.map(({ dueMs }) => dueMs));
    this.#timer = setTimeout(() => this.#turn(), Math.max(0, due - performance.now()));
  }

  #turn(): void {
    const periodMs = 1_000 / this.#settings.rate;
    for (const [index, stream] of this.#streams.entries()) {
      if (stream.dueMs > performance.now()) continue;
      this.#peer.publish(index, stream.sequence++);
      stream.dueMs = Math.max(stream.dueMs + periodMs, performance.now());
    }
    this.#arm();
  }
}
