// In: the port of a real server. Out: a port that forwards to it and can hold back the bytes that
// the server sends on a WebSocket after the handshake, so that a client stays at exactly that
// stage.
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { cleanUp } from './clean-up.ts';

/** A proxy that runs until the test ends. */
interface HoldingProxy {
  readonly port: number;
  /** Number of bytes held back. */
  heldBytes(): number;
}

/**
 * Starts a proxy to `target`, a port of 127.0.0.1. It holds back everything the server sends on a
 * WebSocket after the handshake, and never releases it.
 */
export async function startHoldingProxy(t: TestContext, target: number): Promise<HoldingProxy> {
  const sockets = new Set<Socket>();
  let held = 0;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (socket === client ? upstream : client).destroy());
    }
    let isUpgrade = false;
    let isOpen = false;
    client.on('data', (bytes) => {
      isUpgrade ||= /^upgrade: *websocket/im.test(bytes.toString('latin1'));
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      const end = bytes.indexOf('\r\n\r\n') + 4;
      if (isOpen) held += bytes.length;
      else if (!isUpgrade) client.write(bytes);
      else {
        isOpen = true;
        held += bytes.length - end;
        client.write(bytes.subarray(0, end));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp(t, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, heldBytes: () => held };
}
