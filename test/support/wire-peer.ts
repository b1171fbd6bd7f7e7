// A peer that implements the wire protocol literally and nothing more: messages from the generated
// codecs over a plain WebSocket, with answers kept in order. For tests that send messages which the
// SDK would never send.
import type { TestContext } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AudioSchema,
  ClientMessageSchema,
  encodeFrame,
  type FrameFields,
  FrameFlag,
  Kind,
  type ServerMessage,
  ServerMessageSchema,
  StreamHeaderSchema,
  SUBPROTOCOL,
} from '@hayate/protocol';
import { WebSocket } from 'ws';
import { cleanUp } from './clean-up.ts';
import { poll } from './poll.ts';

/** One connection. */
export interface WirePeer {
  /** Everything received, in order. */
  readonly received: ServerMessage[];
  /** Encoded frames received, in order. */
  frames(): Uint8Array[];
  send(message: MessageInitShape<typeof ClientMessageSchema>): void;
  sendRaw(bytes: Uint8Array | string): void;
  /** Polls for the first received message for which `pick` returns a value. */
  until<T>(what: string, pick: (message: ServerMessage) => T | undefined): Promise<T>;
  /** Polls until the connection is closed. */
  closed(): Promise<{ code: number; reason: string }>;
  /** How the connection was closed, if it was. */
  closedWith(): { code: number; reason: string } | undefined;
  /** Stops reading, as a viewer on a dead network would. */
  pause(): void;
  resume(): void;
  close(): void;
  /** Closes the TCP connection without a closing handshake. */
  cut(): void;
}

/**
 * Opens a connection to `path` of the server at `url`. `autoPong`: whether it answers pings, as
 * every WebSocket does.
 */
export async function connectPeer(t: TestContext, url: string, path: string, { autoPong = true } = {}): Promise<WirePeer> {
  // A test's certificate is self-signed.
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, SUBPROTOCOL, { rejectUnauthorized: false, autoPong });
  const received: ServerMessage[] = [];
  let end: { code: number; reason: string } | undefined;
  socket.binaryType = 'nodebuffer';
  socket.on('message', (data: Buffer) => received.push(fromBinary(ServerMessageSchema, data)));
  socket.on('close', (code, reason) => {
    end = { code, reason: reason.toString() };
  });
  socket.on('error', () => undefined);
  cleanUp(t, () => socket.terminate());
  await poll('the connection to open', () => socket.readyState === WebSocket.OPEN || end !== undefined);
  return {
    received,
    frames: () => received.flatMap(({ frames }) => frames),
    send: (message) => socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, message))),
    sendRaw: (bytes) => socket.send(bytes),
    until: (what, pick) =>
      poll(what, () => {
        for (const message of received) {
          const picked = pick(message);
          if (picked !== undefined) return picked;
        }
        if (end !== undefined) throw new Error(`waiting for ${what}: closed with ${end.code} ${end.reason}`);
        return undefined;
      }),
    closed: () => poll('the connection to close', () => end),
    closedWith: () => end,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.close(1000),
    cut: () => socket.terminate(),
  };
}

/** Frames of one epoch, numbered from 0, as a broadcaster would make them. */
export class FrameSource {
  readonly stream: string;
  readonly epoch: bigint;
  sequence = 0;
  #position = 0;
  #key = 0;

  constructor(stream: string, epoch: bigint, sequence = 0) {
    this.stream = stream;
    this.epoch = epoch;
    this.sequence = sequence;
  }

  header(title: string): Uint8Array {
    return this.#frame({
      kind: Kind.HEADER,
      payload: toBinary(
        StreamHeaderSchema,
        create(StreamHeaderSchema, { title, audio: { codec: 'opus', channels: 1, preSkip: 312, inputSampleRate: 48_000 } }),
      ),
    });
  }

  /** 20 ms of voice: a TOC for one CELT frame and `bytes` of content. */
  audio(bytes = 60): Uint8Array {
    const packet = new Uint8Array(bytes).fill(this.sequence & 0xff);
    packet[0] = 0xf8;
    const position = this.#position;
    this.#position += 960;
    return this.#frame({
      kind: Kind.AUDIO,
      position,
      payload: toBinary(AudioSchema, create(AudioSchema, { packets: [packet], level: 30 })),
    });
  }

  key(): Uint8Array {
    this.#key = this.sequence;
    return this.#frame({ kind: Kind.MOTION, flags: FrameFlag.KEY, payload: Uint8Array.of() });
  }

  delta(): Uint8Array {
    return this.#frame({ kind: Kind.MOTION, keySequence: this.#key, payload: Uint8Array.of(0x2a, 3, 2, 0, 0) });
  }

  event(): Uint8Array {
    return this.#frame({ kind: Kind.EVENT, payload: Uint8Array.of() });
  }

  #frame(fields: Pick<FrameFields, 'kind' | 'payload'> & Partial<FrameFields>): Uint8Array {
    const sequence = this.sequence++;
    return encodeFrame({ stream: this.stream, epoch: this.epoch, sequence, captureUs: sequence * 10_000, ...fields });
  }
}
