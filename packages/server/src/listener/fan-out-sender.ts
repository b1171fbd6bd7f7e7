// Writes one prepared WebSocket message to many viewers, through Node's sockets or through the native module: two ways to
// the same bytes. Rule of both: only to sockets with nothing pending, and what the kernel does not take is left to the
// socket, whose writableLength then shows it.
import type { Logger } from 'pino';
import { HayateError } from '../kernel/error.ts';
import { loadNative, type NativeFanOut } from './fan-out-native.ts';
import type { Viewer } from './fan-out-viewer.ts';

/** One of the two ways. */
export interface Sender {
  readonly path: 'native' | 'typescript';
  /** Writes `message`, which nobody changes any more, to the first `count` of `viewers`. */
  send(message: Buffer, viewers: readonly Viewer[], count: number): void;
}

/** By `net.Socket.write`. */
export const typescriptSender: Sender = {
  path: 'typescript',
  send(message, viewers, count) {
    for (let i = 0; i < count; i++) viewers[i]?.socket.write(message);
  },
};

/** By `native`; sockets that have no descriptor of their own (TLS) take it by `write`. */
export class NativeSender implements Sender {
  readonly path = 'native';
  readonly #native: NativeFanOut;
  #descriptors = new Int32Array(256);
  #results = new Int32Array(256);

  constructor(native: NativeFanOut) {
    this.#native = native;
  }

  send(message: Buffer, viewers: readonly Viewer[], count: number): void {
    if (count > this.#descriptors.length) {
      this.#descriptors = new Int32Array(count * 2);
      this.#results = new Int32Array(count * 2);
    }
    const descriptors = this.#descriptors;
    const results = this.#results;
    // Nothing is closed between here and `send`: a descriptor read now is still this viewer's.
    for (let i = 0; i < count; i++) {
      const viewer = viewers[i];
      descriptors[i] = viewer === undefined ? -1 : descriptorOf(viewer);
    }
    this.#native.send(message, descriptors, count, results);
    for (let i = 0; i < count; i++) {
      const taken = results[i] ?? 0;
      if (taken === message.length) continue;
      // Also after an error: the socket meets it itself, and handles it as its own.
      viewers[i]?.socket.write(taken > 0 ? message.subarray(taken) : message);
    }
  }
}

/** -1 (which `send` answers with EBADF): none, or not one whose bytes are on the wire as they are. */
function descriptorOf({ plain }: Viewer): number {
  return plain === undefined || plain.destroyed ? -1 : (plain._handle?.fd ?? -1);
}

/** What an operator may ask for. */
export const FanOutPaths = ['auto', 'native', 'typescript'] as const;

export type FanOutPath = (typeof FanOutPaths)[number];

/** The sender that `path` names; 'auto': native if it has been built. Throws HayateError CONFIGURATION if 'native' cannot be had. */
export function openSender(path: FanOutPath, logger: Logger, directory?: string): Sender {
  const sender = path === 'typescript' ? typescriptSender : openNative(path === 'native', logger, directory);
  logger.info({ path: sender.path }, 'fan-out');
  return sender;
}

function openNative(required: boolean, logger: Logger, directory: string | undefined): Sender {
  try {
    return new NativeSender(loadNative(directory));
  } catch (cause) {
    if (required)
      throw new HayateError('CONFIGURATION', 'the native fan-out is not built for this machine; run: hayate build-native', { cause });
    // Not built is usual; built and not loadable is worth a line.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'MODULE_NOT_FOUND'))
      logger.warn({ err: cause }, 'the native fan-out cannot be loaded');
    return typescriptSender;
  }
}
