// The native half of fan-out: where `hayate build-native` puts the module and how it is loaded. The
// module is built on the machine that runs it, never by an install script. Without it, the
// TypeScript sender does the same work.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The Node-API version that the source requires. Every Node version that this package supports has
 * it.
 */
export const NODE_API_VERSION = 8;

/** The folder of the C source and, by default, of the built module. */
export const nativeDirectory = fileURLToPath(new URL('../../native', import.meta.url));

/**
 * The file name of the built module. It differs by platform and architecture, so that several kinds
 * of machine can share the folder.
 */
export const nativeName = `fan-out.${process.platform}-${process.arch}.napi${NODE_API_VERSION}.node`;

/** The module's exports. */
export interface NativeFanOut {
  /**
   * Sends `message` to the first `count` of `descriptors` without blocking. For each descriptor,
   * `results` receives the number of bytes that the kernel took, or -errno. Throws TypeError for
   * arguments of other types or arrays that are too small.
   */
  send(message: Uint8Array, descriptors: Int32Array, count: number, results: Int32Array): void;
}

/**
 * Loads the module from `directory`. Throws if it has not been built or does not fit this machine.
 */
export function loadNative(directory: string = nativeDirectory): NativeFanOut {
  const loaded: unknown = createRequire(import.meta.url)(join(directory, nativeName));
  if (!isNativeFanOut(loaded)) throw new Error('the module does not export send');
  return loaded;
}

function isNativeFanOut(loaded: unknown): loaded is NativeFanOut {
  return typeof loaded === 'object' && loaded !== null && 'send' in loaded && typeof loaded.send === 'function';
}
