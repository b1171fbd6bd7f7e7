// A load balancer in front of the processes of one role. It forwards each connection to the next
// process in turn, byte for byte. A process that is taken from the list keeps its connections. A
// process that does not answer costs a client an attempt. While the list is empty, clients wait.
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { cleanUp } from '../support/clean-up.ts';

/** A load balancer. */
export interface FrontDoor {
  /** The URL for clients. */
  readonly url: string;
  /** Sends new connections to this process from now on. */
  open(port: number): void;
  /** Sends no new connections to it any more. */
  close(port: number): void;
  /**
   * Closes the connections to a process, or all, like a balancer that finds a process unresponsive.
   */
  cut(port?: number): void;
}

/** Opens a load balancer until the test ends. */
export async function openFrontDoor(t: TestContext): Promise<FrontDoor> {
  const ports = new Set<number>();
  /** Both ends of every connection, and the port of its process. */
  const sockets = new Map<Socket, number>();
  const waiting = new Set<Socket>();
  let turn = 0;
  const pass = (client: Socket): void => {
    const port = [...ports][turn % Math.max(1, ports.size)];
    if (port === undefined) {
      waiting.add(client);
      client.once('close', () => waiting.delete(client));
      return;
    }
    turn++;
    const backend = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, backend],
      [backend, client],
    ] as const) {
      sockets.set(from, port);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  };
  const server = createServer((client) => {
    client.on('error', () => undefined);
    pass(client);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const cut = (port?: number): void => {
    for (const [socket, to] of sockets) if (port === undefined || to === port) socket.destroy();
  };
  cleanUp(t, () => {
    cut();
    for (const client of waiting) client.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front door has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    open: (port) => {
      ports.add(port);
      for (const client of waiting) pass(client);
      waiting.clear();
    },
    close: (port) => void ports.delete(port),
    cut,
  };
}
