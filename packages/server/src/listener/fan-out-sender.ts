// Writes one prepared WebSocket message to many viewers, through Node's sockets or through the
// native module. Both put the same bytes on the wire. Both write only to sockets with nothing
// pending, and hand the bytes that the kernel does not take to the socket, whose writableLength
// then shows them.
import type { Logger } from 'pino';
import { HayateError } from '../kernel/error.ts';
import { loadNative, type NativeFanOut } from './fan-out-native.ts';
import type { Viewer } from './fan-out-viewer.ts';

/** A way to write to viewers. */
export interface Sender {
  readonly path: 'native' | 'typescript';
  /**
   * Writes `message` to the first `count` of `viewers`. The caller must not change `message` after.
   */
  send(message: Buffer, viewers: readonly Viewer[], count: number): void;
}

/** Writes with `net.Socket.write`. */
export const typescriptSender: Sender = {
  path: 'typescript',
  send(message, viewers, count) {
    for (let i = 0; i < count; i++) viewers[i]?.socket.write(message);
  },
};

/** Writes with the native module. Sockets without a descriptor of their own (TLS) use `write`. */
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
    // No socket is closed between here and `send`, so each descriptor still belongs to its viewer.
    for (let i = 0; i < count; i++) {
      const viewer = viewers[i];
      descriptors[i] = viewer === undefined ? -1 : descriptorOf(viewer);
    }
    this.#native.send(message, descriptors, count, results);
    for (let i = 0; i < count; i++) {
      const taken = results[i] ?? 0;
      if (taken === message.length) continue;
      // Also after an error: the socket runs into the same error and handles it itself.
      viewers[i]?.socket.write(taken > 0 ? message.subarray(taken) : message);
    }
  }
}

/**
 * The socket's descriptor; -1 (which `send` answers with EBADF) if it has none or encodes its
 * bytes, as TLS does.
 */
function descriptorOf({ plain }: Viewer): number {
  return plain === undefined || plain.destroyed ? -1 : (plain._handle?.fd ?? -1);
}

/** Values of the --fan-out option. */
export const FanOutPaths = ['auto', 'native', 'typescript'] as const;

export type FanOutPath = (typeof FanOutPaths)[number];

/**
 * The sender that `path` names; 'auto': native if it has been built. Throws HayateError
 * CONFIGURATION if `path` is 'native' and the module cannot be loaded.
 */
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
    // A module that was not built is normal; one that was built but does not load is logged.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'MODULE_NOT_FOUND'))
      logger.warn({ err: cause }, 'the native fan-out cannot be loaded');
    return typescriptSender;
  }
}
