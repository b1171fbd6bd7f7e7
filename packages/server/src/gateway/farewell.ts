// Closes the connections of a draining process. GOAWAY is sent first, so that clients open a new
// connection elsewhere before this one closes. The remaining connections are closed after a grace
// period.
import { create, toBinary } from '@bufbuild/protobuf';
import { ServerMessageSchema } from '@hayate/protocol';
import type { Connection } from './connection.ts';

/**
 * Sends GOAWAY. Resolves when `graceMs` is over or every connection has closed. 0: does not wait.
 */
export async function farewell(connections: Iterable<Connection>, graceMs: number): Promise<void> {
  const open = [...connections];
  const goAway = toBinary(ServerMessageSchema, create(ServerMessageSchema, { goAway: { closeAfterMs: graceMs } }));
  for (const connection of open) connection.send(goAway);
  if (graceMs === 0 || open.length === 0) return;
  const gone = Promise.all(open.map((connection) => new Promise<void>((resolve) => connection.onClose(resolve))));
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([gone, late]);
  clearTimeout(timer);
}
