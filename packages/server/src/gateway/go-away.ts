// Closes the connections of a draining process. GOAWAY is sent first, so that clients open a new
// connection elsewhere before this one closes. The remaining connections are closed after a grace
// period.
import { create, toBinary } from '@bufbuild/protobuf';
import { ServerMessageSchema } from '@hayate/protocol';
import type { Clock } from '../kernel/clock.ts';
import type { Connection } from './connection.ts';

/**
 * Sends GOAWAY. Resolves when `graceMs` is over or every connection has closed. 0: does not wait.
 */
export async function sendGoAway(connections: Iterable<Connection>, graceMs: number, clock: Clock): Promise<void> {
  const open = [...connections];
  const goAway = toBinary(ServerMessageSchema, create(ServerMessageSchema, { goAway: { closeAfterMs: graceMs } }));
  for (const connection of open) connection.send(goAway);
  if (graceMs === 0 || open.length === 0) return;
  const closed = Promise.all(open.map((connection) => new Promise<void>((resolve) => connection.onClose(resolve))));
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const cancelTimer = clock.after(graceMs, resolve);
  await Promise.race([closed, late]);
  cancelTimer();
}
