// Ensures that the native fan-out is built before it is measured, as `hayate build-native` does.
import { buildNative } from '../../packages/server/src/cli/build-native.ts';
import { nativeDirectory } from '../../packages/server/src/listener/fan-out-native.ts';

/** Compiles it. Rejects where there is no C compiler. */
export async function ensureNative(): Promise<void> {
  await buildNative({ cc: process.env.CC ?? 'cc', output: nativeDirectory });
}
