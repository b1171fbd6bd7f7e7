// The end of the process that started this one, when it cannot say so because it was killed. In: HAYATE_LIFELINE=channel, by
// which that process says that its IPC channel (as of child_process.fork) is there for nothing else. Out: one call when the
// channel ends. Without the variable a channel means nothing: other supervisors open one too.
import { HayateError } from '../kernel/error.ts';

const VARIABLE = 'HAYATE_LIFELINE';

/**
 * Calls `onBroken` once the process that started this one is gone, if it holds a lifeline. The variable is taken out of the
 * environment, as it is not meant for children of this process. Throws HayateError CONFIGURATION if there is no channel.
 */
export function holdLifeline(onBroken: () => void): void {
  const kind = process.env[VARIABLE];
  delete process.env[VARIABLE];
  if (kind === undefined || kind === '') return;
  if (kind !== 'channel' || process.connected === undefined)
    throw new HayateError('CONFIGURATION', `${VARIABLE} is for programs that start this one with an IPC channel; leave it away`);
  // The channel may have ended while this program was loaded.
  if (process.connected) process.once('disconnect', onBroken);
  else onBroken();
  // What has nothing more to do must not wait for the other process.
  process.channel?.unref();
}
