// Socket.IO: one room for each stream, `emit` with one binary attachment. With `--batch-ms N` after
// `--` a stream's payloads are gathered for N ms and emitted as one attachment, the least that its
// users can do to send less often. With `--redis URL` it joins other servers through its Redis
// adapter. If a client sends "publish" with a room and an attachment, the server emits that
// attachment to the room.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { markedPayload, serveChild } from './server-child.ts';

await serveChild(async ({ streams, bytes, rest }) => {
  const { values } = parseArgs({ args: [...rest], options: { 'batch-ms': { type: 'string', default: '0' }, redis: { type: 'string' } } });
  const batchMs = Number(values['batch-ms']);
  const http = createServer();
  const adapter = values.redis === undefined ? {} : { adapter: await redisAdapter(values.redis) };
  const io = new Server(http, { transports: ['websocket'], serveClient: false, perMessageDeflate: false, ...adapter });
  io.on('connection', (socket) => {
    const { stream } = socket.handshake.query;
    if (stream !== undefined) void socket.join(`bench-${stream}`);
    socket.on('publish', (room, payload) => io.to(String(room)).emit('frame', payload));
  });
  http.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 });
  await once(http, 'listening');

  const waiting: Buffer[][] = Array.from({ length: streams }, () => []);
  const flush = (stream: number) => io.to(`bench-${stream}`).emit('frame', Buffer.concat(waiting[stream]?.splice(0) ?? []));
  return {
    port: (http.address() as AddressInfo).port,
    publish(stream, sequence) {
      const payload = markedPayload(stream, sequence, bytes);
      if (batchMs === 0) {
        io.to(`bench-${stream}`).emit('frame', payload);
        return;
      }
      if (waiting[stream]?.push(payload) === 1) setTimeout(flush, batchMs, stream);
    },
  };
});

async function redisAdapter(url: string): Promise<unknown> {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on('error', () => undefined);
    await client.connect();
  }
  return createAdapter(publisher, subscriber);
}
