// The naive peer: the `ws` library, and a `send` to each viewer. The stream is the number at the
// end of the path.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { markedPayload, serveChild } from './server-child.ts';

await serveChild(async ({ streams, bytes }) => {
  const viewers = Array.from({ length: streams }, () => new Set<WebSocket>());
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4_096, perMessageDeflate: false });
  server.on('connection', (socket, request) => {
    const room = viewers[Number(/\d+$/.exec(request.url ?? '')?.[0])];
    if (room === undefined) return socket.terminate();
    room.add(socket);
    socket.on('close', () => room.delete(socket));
    socket.on('error', () => undefined);
  });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    publish(stream, sequence) {
      const payload = markedPayload(stream, sequence, bytes);
      for (const socket of viewers[stream] ?? []) socket.send(payload, { binary: true });
    },
  };
});
