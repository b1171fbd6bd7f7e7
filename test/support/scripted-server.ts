// A WebSocket server on loopback that answers by a test's script, in the protocol's generated
// codecs. It tests how clients handle answers that a healthy Hayate server rarely gives. It answers
// pings by itself and keeps everything it receives.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type ClientMessage, ClientMessageSchema, type FrameHeader, peekFrame, ServerMessageSchema, SUBPROTOCOL } from '@hayate/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { cleanUp } from './clean-up.ts';

/** A connection as the script sees it. */
export interface ScriptedConnection {
  /** The request's path. */
  readonly path: string;
  /** All messages received, except pings. */
  readonly messages: ClientMessage[];
  /** The numbers of all pings received, in order. */
  readonly pings: number[];
  /** All frames received, in order, with their headers decoded. */
  readonly frames: { header: FrameHeader; bytes: Uint8Array }[];
  readonly closed: boolean;
  send(message: MessageInitShape<typeof ServerMessageSchema>): void;
  /** Sends a WebSocket message as it is: text for a string. */
  sendBytes(data: string | Uint8Array): void;
  close(code: number, reason?: string): void;
  /** Breaks the TCP connection. */
  terminate(): void;
  /** Stops reading from the network until resume. */
  pause(): void;
  resume(): void;
}

/** Called with each message except pings. */
export type Script = (connection: ScriptedConnection, message: ClientMessage, index: number) => void;

interface ScriptedServer {
  /** http://127.0.0.1:port */
  readonly url: string;
  readonly connections: ScriptedConnection[];
  /** Whether pings are answered; true by default. */
  answersPings: boolean;
  /** The Unix microseconds in pongs; by default the real time. */
  serverUnixUs: () => number;
}

/** Starts a server that ends with the test. `script` may tell connections apart by their index. */
export async function startScriptedServer(t: TestContext, script: Script): Promise<ScriptedServer> {
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => SUBPROTOCOL });
  await once(sockets, 'listening');
  const { port } = sockets.address() as AddressInfo;
  const server: ScriptedServer = {
    url: `http://127.0.0.1:${port}`,
    connections: [],
    answersPings: true,
    serverUnixUs: () => Math.round((performance.timeOrigin + performance.now()) * 1000),
  };
  sockets.on('connection', (socket, request) => {
    const connection = scripted(socket, request.url ?? '');
    const index = server.connections.push(connection) - 1;
    socket.on('message', (data: Buffer) => {
      const message = fromBinary(ClientMessageSchema, data);
      if (message.ping !== undefined) {
        connection.pings.push(message.ping.id);
        if (server.answersPings) connection.send({ pong: { id: message.ping.id, serverUnixUs: BigInt(server.serverUnixUs()) } });
      } else {
        connection.messages.push(message);
        for (const bytes of message.frames) connection.frames.push({ header: peekFrame(bytes), bytes });
        script(connection, message, index);
      }
    });
  });
  cleanUp(t, async () => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    await once(sockets, 'close');
  });
  return server;
}

function scripted(socket: WebSocket, path: string): ScriptedConnection {
  return {
    path,
    messages: [],
    pings: [],
    frames: [],
    get closed() {
      return socket.readyState === socket.CLOSED;
    },
    send: (message) => socket.send(toBinary(ServerMessageSchema, create(ServerMessageSchema, message))),
    sendBytes: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}
