// A broadcaster of a simulated world: voice, poses and events at their usual pace, kept until
// acknowledged, and sent again when a streamer asks. It resumes with its ticket, at any streamer.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, closeCodeByNumber, type ServerMessage, ServerMessageSchema } from '@hayate/protocol';
import { FrameSource } from '../support/wire-peer.ts';
import type { StreamerNode } from './server-node.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import { LASTING_TOKEN } from './simulated-token.ts';
import { Phase } from './virtual-time.ts';
import type { World } from './world.ts';

/** A frame, as it was made. */
export interface MadeFrame {
  readonly bytes: Uint8Array;
  /**
   * The time at which it was first written to a streamer, milliseconds; undefined if it was not.
   */
  sentMs: number | undefined;
}

const AUDIO_MS = 20;
const MOTION_MS = 33;
const KEY_EVERY = 20;
const RESEND_MS = 10;
const RESEND_FRAMES = 5;
const LINE = { delayMs: 8, bytesPerMs: 1_000, kernelBytes: 2 ** 20 };

/** One broadcast. */
export class SimulatedBroadcaster {
  readonly stream: string;
  /** By sequence. */
  readonly made: MadeFrame[] = [];
  epoch = 0n;
  /** Number of resumes, intended or not. */
  resumes = 0;
  /** Finishing: it makes no more frames. Over: it does not reconnect. */
  state: 'new' | 'live' | 'finishing' | 'over' = 'new';
  closedWith: number | undefined;
  readonly #world: World;
  #source: FrameSource | undefined;
  #socket: { socket: SimulatedSocket; node: StreamerNode; published: boolean } | undefined;
  #ticket: Uint8Array = new Uint8Array();
  #acked = 0;
  #resend: number[] = [];
  #poses = 0;
  #failures = 0;
  #told = false;

  constructor(world: World, stream: string) {
    this.#world = world;
    this.stream = stream;
  }

  begin(): void {
    this.#connect();
    this.#every(AUDIO_MS, () => this.#make((source) => source.audio(this.#world.random.integer(40, 160))));
    this.#every(MOTION_MS, () => this.#make((source) => (this.#poses++ % KEY_EVERY === 0 ? source.key() : source.delta())));
    this.#every(170, () => this.#make((source) => source.event()));
    this.#every(RESEND_MS, () => this.#sendAgain());
  }

  /** Makes no more frames; sends END when a streamer has everything. */
  finish(): void {
    if (this.state !== 'over') this.state = 'finishing';
  }

  /** Its network changes: the connection breaks and it reconnects. */
  roam(): void {
    this.#socket?.socket.cut();
    this.#return(1_006);
  }

  get node(): StreamerNode | undefined {
    return this.#socket?.node;
  }

  get acked(): number {
    return this.#acked;
  }

  #connect(): void {
    if (this.state === 'over') return;
    const node = this.#world.pickStreamer();
    if (node === undefined) {
      this.#later(100, () => this.#connect());
      return;
    }
    const client = {
      message: (bytes: Uint8Array) => {
        if (this.#socket === connection) this.#take(fromBinary(ServerMessageSchema, bytes));
      },
      closed: (code: number) => {
        if (this.#socket === connection) this.#return(code);
      },
    };
    const connection = { socket: node.acceptBroadcaster(LINE, client), node, published: false };
    this.#socket = connection;
    this.#world.trace(`${this.stream} to ${node.name}, ${this.#ticket.length === 0 ? 'new' : 'resuming'}`);
    this.#send({ publish: { stream: this.stream, token: LASTING_TOKEN, ticket: this.#ticket } });
  }

  #return(code: number): void {
    this.#socket = undefined;
    this.closedWith = code;
    this.#told = false;
    this.#world.trace(`${this.stream} closed ${code}`);
    if (closeCodeByNumber(code)?.temporary === false || code === 1_000) this.state = 'over';
    else {
      this.resumes++;
      this.#later(this.#failures++ === 0 ? 0 : this.#world.random.between(50, 300), () => this.#connect());
    }
  }

  #take({ published, ack, resend }: ServerMessage): void {
    if (published !== undefined) this.#takePublished(published);
    if (ack !== undefined) {
      if (ack.ticket.length > 0) this.#ticket = ack.ticket;
      const next = Number(ack.nextSequence);
      if (next > this.made.length) this.#world.breach(`${this.stream}: an ack of ${next}, ${this.made.length} frames were made`);
      for (let sequence = this.#acked; sequence < next; sequence++)
        if (!this.#world.isDurable(this.stream, this.epoch, sequence))
          this.#world.breach(`${this.stream}: ${sequence} was acknowledged and is not durable`);
      this.#acked = Math.max(this.#acked, next);
    }
    if (resend !== undefined) this.#queueAgain(Number(resend.fromSequence));
  }

  #takePublished({ epoch, ticket, nextSequence }: NonNullable<ServerMessage['published']>): void {
    this.#failures = 0;
    if (this.#socket !== undefined) this.#socket.published = true;
    this.#ticket = ticket;
    if (this.state === 'new') {
      this.state = 'live';
      this.epoch = epoch;
      this.#source = new FrameSource(this.stream, epoch);
      this.#world.registerBroadcast(this);
      this.#make((source) => source.header(this.stream));
    } else if (epoch !== this.epoch) this.#world.breach(`${this.stream}: resumed into another epoch`);
    else this.#queueAgain(Number(nextSequence));
  }

  #queueAgain(from: number): void {
    this.#resend = [];
    // Acknowledged frames are sent again too when asked for: the ticket may be older than the last
    // acknowledgement.
    for (let sequence = from; sequence < this.made.length; sequence++) this.#resend.push(sequence);
  }

  #make(of: (source: FrameSource) => Uint8Array): void {
    if (this.state !== 'live' || this.#source === undefined) return;
    const frame: MadeFrame = { bytes: of(this.#source), sentMs: undefined };
    this.made.push(frame);
    if (this.#socket?.published !== true) return;
    frame.sentMs = this.#world.nowMs;
    this.#send({ frames: [frame.bytes] });
  }

  #sendAgain(): void {
    if (this.#socket?.published !== true) return;
    const frames = this.#resend.splice(0, RESEND_FRAMES).flatMap((sequence) => this.made[sequence] ?? []);
    if (frames.length > 0) {
      for (const frame of frames) frame.sentMs ??= this.#world.nowMs;
      this.#send({ frames: frames.map(({ bytes }) => bytes) });
    } else if (this.state === 'finishing' && !this.#told) {
      this.#told = true;
      this.#send({ end: { nextSequence: BigInt(this.made.length) } });
    }
  }

  #send(message: MessageInitShape<typeof ClientMessageSchema>): void {
    this.#socket?.socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, message)));
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.time.at(this.#world.nowMs + delayMs, Phase.timer, run);
  }

  #every(intervalMs: number, run: () => void): void {
    const jitterMs = this.#world.random.between(0, intervalMs / 10);
    this.#later(intervalMs - intervalMs / 20 + jitterMs, () => {
      if (this.state === 'over') return;
      run();
      this.#every(intervalMs, run);
    });
  }
}
