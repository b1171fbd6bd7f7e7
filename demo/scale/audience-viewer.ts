// One headless viewer that speaks the wire protocol and nothing more. It reads messages, counts
// frames and sends the receipts that a viewer owes. It draws nothing and decodes no payload, so
// hundreds fit on the machine that also runs the servers.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, PATHS, peekFrame, ServerMessageSchema, SUBPROTOCOL } from '@hayate/protocol';
import { WebSocket } from 'ws';
import { SequenceAccount } from '../../packages/client/src/viewer/sequence-account.ts';

/** How long a viewer waits before it reconnects. */
const RETURN_MS = 300;
/** Field 1 of ServerMessage, length-delimited: a frame. */
const FRAME_TAG = 0x0a;

/** The stream to watch and the credentials for it. */
export interface ViewerTicket {
  readonly server: string;
  readonly stream: string;
  readonly token: string;
}

/** A viewer that stays until its process ends. */
export class AudienceViewer {
  readonly #ticket: ViewerTicket;
  #socket: WebSocket | undefined;
  #epoch = 0n;
  #account: SequenceAccount | undefined;
  #lastMs: number | undefined;
  #lostBefore = 0;
  #lostAtBegin = 0;
  received = 0;
  bytes = 0;
  longestGapMs = 0;
  markedGapMs = 0;

  constructor(ticket: ViewerTicket) {
    this.#ticket = ticket;
    this.#connect();
  }

  /** Whether frames have arrived on the open connection. */
  get isWatching(): boolean {
    return this.#lastMs !== undefined && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Frames of this epoch and earlier ones that did not arrive. */
  get lost(): number {
    return this.#lostSoFar - this.#lostAtBegin;
  }

  /** Restarts the counts. */
  begin(): void {
    this.#lostAtBegin = this.#lostSoFar;
    this.received = 0;
    this.bytes = 0;
    this.longestGapMs = 0;
    this.markedGapMs = 0;
  }

  /** Acknowledges the last frame, as viewers do four times a second. */
  sendReceipt(): void {
    if (this.#account === undefined || this.#account.next === 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#send({ receipt: { epoch: this.#epoch, sequence: BigInt(this.#account.next - 1) } });
  }

  get #lostSoFar(): number {
    return this.#lostBefore + (this.#account?.missing('lost') ?? 0);
  }

  #connect(): void {
    const { server, stream, token } = this.#ticket;
    const socket = new WebSocket(server.replace(/^http/, 'ws') + PATHS.watch, SUBPROTOCOL, { perMessageDeflate: false });
    this.#socket = socket;
    const nextSequence = BigInt(this.#account?.next ?? 0);
    socket.on('open', () => this.#send({ watch: { stream, token, epoch: this.#epoch, nextSequence } }));
    socket.on('message', (data: Buffer) => this.#take(data));
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(() => this.#connect(), RETURN_MS * (1 + Math.random())));
  }

  #send(message: Parameters<typeof create<typeof ClientMessageSchema>>[1]): void {
    this.#socket?.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, message)));
  }

  #take(message: Buffer): void {
    this.bytes += message.length;
    const frames = framesOf(message);
    if (frames === undefined) this.#takeAny(message);
    else this.#takeFrames(frames);
  }

  #takeFrames(frames: readonly Uint8Array[]): void {
    if (frames.length === 0) return;
    for (const frame of frames) {
      const { epoch, sequence } = peekFrame(frame);
      if (epoch === this.#epoch && this.#account?.take(sequence)) this.received++;
    }
    this.#hear();
  }

  #takeAny(message: Buffer): void {
    const { watching, gaps, frames } = fromBinary(ServerMessageSchema, message);
    if (watching !== undefined && watching.epoch !== 0n && watching.epoch !== this.#epoch) {
      this.#lostBefore = this.#lostSoFar;
      this.#epoch = watching.epoch;
      this.#account = new SequenceAccount(Number(watching.nextSequence));
    }
    for (const { first, last } of gaps) this.#account?.explain(Number(first), Number(last), 'lost');
    this.#takeFrames(frames);
  }

  #hear(): void {
    const nowMs = performance.now();
    const gapMs = nowMs - (this.#lastMs ?? nowMs);
    this.#lastMs = nowMs;
    if (gapMs > this.longestGapMs) this.longestGapMs = gapMs;
    if (gapMs > this.markedGapMs) this.markedGapMs = gapMs;
  }
}

/** The frames of a message that holds only frames; undefined for any other message. */
function framesOf(message: Buffer): Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < message.length; ) {
    if (message[at++] !== FRAME_TAG) return undefined;
    let length = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = message[at++] ?? 0;
      length += (byte & 0x7f) << shift;
    }
    frames.push(message.subarray(at, at + length));
    at += length;
  }
  return frames;
}
