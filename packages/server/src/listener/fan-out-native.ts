// The native half of fan-out: where `hayate build-native` puts it, and how it is loaded. The file is made on the machine
// that runs it, never by an install script; without it the TypeScript sender does the same work.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The Node-API version that the source asks for: every Node that this package runs on has it. */
export const NODE_API_VERSION = 8;

/** The folder of the C source and, by default, of what is built from it. */
export const nativeDirectory = fileURLToPath(new URL('../../native', import.meta.url));

/** The built module's name: one for each kind of machine, so that a folder shared by several holds them all. */
export const nativeName = `fan-out.${process.platform}-${process.arch}.napi${NODE_API_VERSION}.node`;

/** What the module exports. */
export interface NativeFanOut {
  /**
   * Sends `message` to the first `count` of `descriptors`, never waiting. `results` takes for each the bytes that the kernel
   * took, or -errno. Throws TypeError for arguments of other types or too small arrays.
   */
  send(message: Uint8Array, descriptors: Int32Array, count: number, results: Int32Array): void;
}

/** Loads the module from `directory`. Throws if it has not been built or does not fit this machine. */
export function loadNative(directory: string = nativeDirectory): NativeFanOut {
  const loaded: unknown = createRequire(import.meta.url)(join(directory, nativeName));
  if (!isNativeFanOut(loaded)) throw new Error('the module does not export send');
  return loaded;
}

function isNativeFanOut(loaded: unknown): loaded is NativeFanOut {
  return typeof loaded === 'object' && loaded !== null && 'send' in loaded && typeof loaded.send === 'function';
}
