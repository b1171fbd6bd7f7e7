// A client of a simulated world with one of the conducts of conduct.ts. In: the conduct, which
// names the close code that the server owes it. A server that stops or dies has not judged it, so
// it tries another one from the beginning. Every other close, and a close that comes too early or
// too late, is a breach.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, CloseCodes, closeCodeByNumber, encodeFrame, Kind, ServerMessageSchema } from '@hayate/protocol';
import { FrameSource } from '../support/wire-peer.ts';
import type { Actor, Conduct } from './conduct.ts';
import type { ListenerNode, StreamerNode } from './server-node.ts';
import { WORLD_BEGAN_UNIX_MS } from './simulated-process.ts';
import type { SimulatedSocket } from './simulated-socket.ts';
import { Phase } from './virtual-time.ts';
import type { World } from './world.ts';

const LINE = { delayMs: 10, bytesPerMs: 10_000, kernelBytes: 2 ** 20 };
/** The difference of two clocks, late timers, and the line, both ways. */
const TOLERANCE_MS = 60;
const TRANSPORT_FAILED = 1_006;
/** A stream without a broadcast, so that no frames, and no receipts, keep its viewers awake. */
const SILENT_STREAM = 'never-live';

interface Connected {
  readonly socket: SimulatedSocket;
  readonly node: StreamerNode | ListenerNode;
  readonly sinceMs: number;
  /** How long the process had been paused by then. */
  readonly pausedMs: number;
  source: FrameSource | undefined;
}

/** One client. */
export class MisbehavingClient {
  readonly name: string;
  readonly conduct: Conduct;
  /** The close code that it was owed, once it has come. */
  closedWith: number | undefined;
  readonly #world: World;
  #connected: Connected | undefined;
  #left = false;

  constructor(world: World, name: string, conduct: Conduct) {
    this.#world = world;
    this.name = `${name} (${conduct.endpoint}, ${conduct.name})`;
    this.conduct = conduct;
  }

  /** Whether it has what it is owed: its close code, or a lasting connection. */
  get isSettled(): boolean {
    return this.conduct.code === undefined ? this.#connected !== undefined || this.#left : this.closedWith !== undefined;
  }

  connect(): void {
    if (this.#left) return;
    const { endpoint } = this.conduct;
    const node = endpoint === 'publish' ? this.#world.pickStreamer() : this.#world.pickListener();
    if (node === undefined) {
      this.#world.in(100, () => this.connect());
      return;
    }
    const client = {
      message: (bytes: Uint8Array) => this.#take(connected, bytes),
      closed: (code: number) => this.#closed(connected, code),
    };
    const socket = 'acceptBroadcaster' in node ? node.acceptBroadcaster(LINE, client) : node.acceptViewer(LINE, client);
    const pausedMs = node.process.pausedMs - node.process.pauseLeftMs;
    const connected: Connected = { socket, node, sinceMs: this.#world.nowMs, pausedMs, source: undefined };
    this.#connected = connected;
    socket.answersPings = this.conduct.answersPings;
    this.#world.trace(`${this.name} to ${node.name}`);
    this.conduct.begin(this.#actor(connected));
  }

  /** Leaves for good. */
  leave(): void {
    this.#left = true;
    this.#connected?.socket.close();
    this.#connected = undefined;
  }

  #actor(connected: Connected): Actor {
    const send = (message: MessageInitShape<typeof ClientMessageSchema>) =>
      connected.socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, message)));
    const later = (delayMs: number, run: () => void): void => {
      this.#world.time.at(this.#world.nowMs + delayMs, Phase.timer, () => {
        if (this.#connected === connected) run();
      });
    };
    const every = (intervalMs: number, run: () => void): void =>
      later(intervalMs, () => {
        run();
        every(intervalMs, run);
      });
    const stream = this.conduct.endpoint === 'publish' ? this.name.replace(/ .*/, '') : SILENT_STREAM;
    const world = this.#world;
    return {
      get unixMs() {
        return WORLD_BEGAN_UNIX_MS + world.nowMs;
      },
      hello: (token) => send(this.conduct.endpoint === 'publish' ? { publish: { stream, token } } : { watch: { stream, token } }),
      ask: () => send({ ping: { id: 1 } }),
      ping: () => connected.socket.ping(),
      renew: (token) => send({ token }),
      events: (count, bytes) => {
        const { source } = connected;
        if (source !== undefined) send({ frames: Array.from({ length: count }, () => eventOf(source, bytes)) });
      },
      every,
      later,
    };
  }

  #take(connected: Connected, bytes: Uint8Array): void {
    const { published } = fromBinary(ServerMessageSchema, bytes);
    if (published === undefined) return;
    const source = new FrameSource(this.name.replace(/ .*/, ''), published.epoch);
    connected.source = source;
    const message = create(ClientMessageSchema, { frames: [source.header('A misbehaving client')] });
    connected.socket.send(toBinary(ClientMessageSchema, message));
  }

  #closed(connected: Connected, code: number): void {
    if (this.#connected !== connected) return;
    this.#connected = undefined;
    this.#world.trace(`${this.name} closed ${code}`);
    const { node } = connected;
    if ((node.leaving && code === CloseCodes.GOING_AWAY.code) || (!node.process.alive && code === TRANSPORT_FAILED)) {
      this.#world.in(this.#world.random.between(50, 300), () => this.connect());
      return;
    }
    const name = closeCodeByNumber(code)?.name;
    if (name === undefined || name !== this.conduct.code)
      this.#world.breach(`${this.name}: closed with ${name ?? code}, not ${this.conduct.code ?? 'at all'}`);
    this.closedWith = code;
    this.#checkTime(connected);
  }

  #checkTime({ sinceMs, node, pausedMs }: Connected): void {
    const { atLeastMs, atMostMs } = this.conduct.closeTime(this.#world.settings);
    const afterMs = this.#world.nowMs - sinceMs;
    const latestMs = atMostMs + node.process.pausedMs - pausedMs + TOLERANCE_MS;
    if (afterMs < atLeastMs - TOLERANCE_MS || afterMs > latestMs)
      this.#world.breach(`${this.name}: closed after ${afterMs.toFixed(1)} ms, not within ${atLeastMs} to ${latestMs.toFixed(1)}`);
  }
}

function eventOf(source: FrameSource, bytes: number): Uint8Array {
  const { stream, epoch } = source;
  return encodeFrame({ stream, epoch, sequence: source.sequence++, captureUs: 0, kind: Kind.EVENT, payload: new Uint8Array(bytes) });
}
