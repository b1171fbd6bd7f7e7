// Broadcasters: for each stream one connection to the streamers (or Socket.IO servers) named after
// `--`, which sends voice frames as they fall due. Reads `go` and `halt` as servers do, and reports
// 0 as its own port. Flags after `--`: --dialect hayate|engine --ports P,… --token T.
import { parseArgs } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, encodeServerFrame, PATHS, ServerMessageSchema, SUBPROTOCOL } from '@hayate/protocol';
import { WebSocket } from 'ws';
import { markedPayload, serveChild } from './server-child.ts';
import { headerFrame, voiceFrame } from './stream-envelope.ts';

/** Sends the payload whose mark counts `sequence`. */
type Send = (sequence: number) => void;

await serveChild(async ({ streams, bytes, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      dialect: { type: 'string', default: 'hayate' },
      ports: { type: 'string', default: '' },
      token: { type: 'string', default: '' },
    },
  });
  const ports = values.ports.split(',').map(Number);
  const senders = await Promise.all(
    Array.from({ length: streams }, (_, index) => {
      const port = ports[index % ports.length] ?? 0;
      return values.dialect === 'hayate' ? openHayate(port, index, values.token, bytes) : openEngine(port, index, bytes);
    }),
  );
  return { port: 0, publish: (stream, sequence) => senders[stream]?.(sequence) };
});

/**
 * Opens a broadcast over the wire protocol, up to the streamer's Published and the stream's HEADER.
 */
function openHayate(port: number, index: number, token: string, bytes: number): Promise<Send> {
  const stream = `bench-${index}`;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${PATHS.publish}`, SUBPROTOCOL, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`${stream} was closed with ${code}`)));
    socket.on('open', () => socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, { publish: { stream, token } }))));
    socket.once('message', (data: Buffer) => {
      const epoch = fromBinary(ServerMessageSchema, data).published?.epoch;
      if (epoch === undefined) return reject(new Error(`${stream} got no Published`));
      const identity = { stream, index, epoch };
      socket.send(encodeServerFrame(headerFrame(identity)));
      resolve((sequence) => socket.send(encodeServerFrame(voiceFrame(identity, sequence, bytes, 1))));
    });
  });
}

/** A hand-written Socket.IO client. Each event holds the stream's name and one attachment. */
function openEngine(port: number, index: number, bytes: number): Promise<Send> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer, isBinary) => {
      const text = isBinary ? '' : data.toString();
      if (text.startsWith('0')) socket.send('40');
      else if (text === '2') socket.send('3');
      else if (text.startsWith('40')) {
        resolve((sequence) => {
          socket.send(`451-["publish","bench-${index}",{"_placeholder":true,"num":0}]`);
          socket.send(markedPayload(index, sequence, bytes), { binary: true });
        });
      }
    });
  });
}
