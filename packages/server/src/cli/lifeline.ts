// Detects the end of the parent process, which cannot announce it if it was killed. In:
// HAYATE_LIFELINE=channel, with which the parent says that its IPC channel (as of
// child_process.fork) has no other purpose. Out: one call when the channel ends. Without the
// variable the end of a channel means nothing, because other supervisors open one too.
import { HayateError } from '../kernel/error.ts';

const VARIABLE = 'HAYATE_LIFELINE';

/**
 * Calls `onBroken` once the parent process is gone, if it holds a lifeline. Removes the variable
 * from the environment, because it is not meant for this process's children. Throws HayateError
 * CONFIGURATION if there is no channel.
 */
export function holdLifeline(onBroken: () => void): void {
  const kind = process.env[VARIABLE];
  delete process.env[VARIABLE];
  if (kind === undefined || kind === '') return;
  if (kind !== 'channel' || process.connected === undefined)
    throw new HayateError('CONFIGURATION', `${VARIABLE} is only for programs that start this one with an IPC channel; do not set it`);
  // The channel may have ended while this program was loaded.
  if (process.connected) process.once('disconnect', onBroken);
  else onBroken();
  // A process without work must not stay alive for its parent.
  process.channel?.unref();
}
