// A load balancer in front of the processes of one role: connections in, each passed on to the next process in turn, bytes as they
// are. A process that is taken from the list keeps the connections that it has; one that does not answer costs a client an attempt.
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { cleanUp } from '../support/clean-up.ts';

/** A load balancer. */
export interface FrontDoor {
  /** Where clients connect. */
  readonly url: string;
  /** Ports of the processes that take new connections. */
  readonly ports: Set<number>;
}

/** Opens one, until the test ends. */
export async function openFrontDoor(t: TestContext): Promise<FrontDoor> {
  const ports = new Set<number>();
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    const port = [...ports][turn++ % Math.max(1, ports.size)];
    if (port === undefined) {
      client.destroy();
      return;
    }
    const backend = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  cleanUp(t, () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front door has no port');
  return { url: `http://127.0.0.1:${address.port}`, ports };
}
