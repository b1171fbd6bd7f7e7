// A viewer of a simulated world. It follows spec/wire.md over good and bad lines, and keeps an
// account of the frames it gets. It reconnects by itself, to any listener, and says where it was.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, closeCodeByNumber, peekFrame, type ServerMessage, ServerMessageSchema } from '@hayate/protocol';
import type { ListenerNode } from './server-node.ts';
import type { Line, SimulatedSocket } from './simulated-socket.ts';
import { LASTING_TOKEN } from './simulated-token.ts';
import { text, ViewerAccount } from './viewer-account.ts';
import { Phase } from './virtual-time.ts';
import type { World } from './world.ts';

/** Properties of a viewer. */
export interface ViewerNature {
  readonly line: Line;
  /** How much later than necessary it sends receipts. */
  readonly receiptDelayMs: number;
  /** Whether it is expected to lag. */
  readonly isSlow: boolean;
  /** The listener it connects to; by default any. */
  readonly listener?: number;
}

const PING_MS = 1_500;
/** After this silence it connects elsewhere. */
const SILENCE_MS = 4_000;
/** Time after joining until the replay has arrived. */
const SETTLED_MS = 1_000;

interface Connected {
  readonly socket: SimulatedSocket;
  readonly node: ListenerNode;
  epoch: bigint;
  heardMs: number;
  /** A frame has arrived since the last receipt. */
  owesReceipt: boolean;
  /** The last audience number since the last Watching. */
  audience: number | undefined;
}

/** One viewer. */
export class SimulatedViewer {
  readonly name: string;
  readonly stream: string;
  readonly accounts = new Map<bigint, ViewerAccount>();
  /** Close codes of its ended connections. */
  readonly closes: number[] = [];
  /** Frames received, including those of groups. */
  frames = 0;
  /**
   * The longest time from a broadcaster to this viewer, of frames that were not replayed,
   * milliseconds.
   */
  oldestMs = 0;
  readonly #world: World;
  #nature: ViewerNature;
  #connected: Connected | undefined;
  #asked: { epoch: bigint; nextSequence: number } | undefined;
  #newest = { epoch: 0n, sequence: -1 };
  #stalled = false;
  #hasStalled = false;
  #gaveUp = false;
  #failures = 0;
  #left = false;
  #promptFromMs = Number.POSITIVE_INFINITY;

  constructor(world: World, name: string, stream: string, nature: ViewerNature) {
    this.#world = world;
    this.name = name;
    this.stream = stream;
    this.#nature = nature;
  }

  join(): void {
    this.#connect();
    this.#every(PING_MS, () => this.#ping());
  }

  /** Stops reading for `durationMs`. */
  stall(durationMs: number): void {
    this.#stalled = true;
    this.#hasStalled = true;
    this.#promptFromMs = Number.POSITIVE_INFINITY;
    this.#connected?.socket.stall(true);
    this.#later(durationMs, () => {
      this.#stalled = false;
      if (this.#connected !== undefined) this.#connected.heardMs = this.#world.nowMs;
      this.#connected?.socket.stall(false);
    });
  }

  /** Its network changes: the connection breaks and it reconnects. */
  roam(): void {
    this.#connected?.socket.cut();
    this.#return(1_006);
  }

  /** From now on it uses any listener. */
  goAnywhere(): void {
    const { listener: _, ...rest } = this.#nature;
    this.#nature = rest;
  }

  /** Leaves for good. */
  leave(): void {
    this.#left = true;
    this.#connected?.socket.close();
    this.#connected = undefined;
  }

  /**
   * Whether nothing on its side delays frames: a good line, continuous reading, and no replay under
   * way.
   */
  get isPrompt(): boolean {
    return !this.#nature.isSlow && this.#world.nowMs >= this.#promptFromMs;
  }

  /** Whether it has ever lagged: its missing frames may be its own fault. */
  get wasSlow(): boolean {
    return this.#nature.isSlow || this.#hasStalled;
  }

  /** Whether it is reconnecting to a listener. */
  get isReturning(): boolean {
    return this.#connected === undefined && !this.#left && !this.#gaveUp;
  }

  get connected(): boolean {
    return this.#connected !== undefined;
  }

  /** The epoch it watches now, and whether that epoch has ended; undefined if none. */
  get watching(): { epoch: bigint; ended: boolean } | undefined {
    const epoch = this.#connected?.epoch ?? 0n;
    const account = this.accounts.get(epoch);
    return account === undefined ? undefined : { epoch, ended: account.endsAt !== undefined };
  }

  /** Its counts, in short. */
  summary(): string {
    return [...this.accounts.values()]
      .map(({ joined, came, missing, endsAt }) => {
        const holes = Object.entries(missing).map(([name, set]) => (set.size === 0 ? '' : ` ${name} ${text(set)}`));
        return `${this.name}: joined at ${joined}, received ${text(came)}${holes.join('')}, ends at ${endsAt ?? '?'}`;
      })
      .join('; ');
  }

  #connect(): void {
    if (this.#left) return;
    const node = this.#world.pickListener(this.#nature.listener);
    if (node === undefined) {
      this.#later(100, () => this.#connect());
      return;
    }
    const { line } = this.#nature;
    const client = {
      message: (bytes: Uint8Array) => this.#take(connected, bytes),
      closed: (code: number) => {
        if (this.#connected === connected) this.#return(code);
      },
    };
    const connected: Connected = {
      socket: node.acceptViewer(line, client),
      node,
      epoch: 0n,
      heardMs: this.#world.nowMs,
      owesReceipt: false,
      audience: undefined,
    };
    this.#connected = connected;
    if (this.#stalled) connected.socket.stall(true);
    const { epoch, sequence } = this.#newest;
    const account = this.accounts.get(epoch);
    this.#asked = account === undefined ? undefined : { epoch, nextSequence: Math.max(sequence + 1, account.joined) };
    this.#world.trace(`${this.name} to ${node.name}${this.#asked === undefined ? '' : `, next ${this.#asked.nextSequence}`}`);
    this.#send({ watch: { stream: this.stream, token: LASTING_TOKEN, epoch, nextSequence: BigInt(this.#asked?.nextSequence ?? 0) } });
  }

  #return(code: number): void {
    this.closes.push(code);
    this.#connected = undefined;
    this.#world.trace(`${this.name} closed ${code}`);
    if (closeCodeByNumber(code)?.temporary === false) {
      this.#gaveUp = true;
      return;
    }
    this.#later(this.#failures++ === 0 ? 0 : this.#world.random.between(50, 300), () => this.#connect());
  }

  #ping(): void {
    const connected = this.#connected;
    if (connected === undefined || this.#stalled) return;
    if (this.#world.nowMs - connected.heardMs > SILENCE_MS) this.roam();
    else this.#send({ ping: { id: 1 } });
  }

  #take(connected: Connected, bytes: Uint8Array): void {
    if (this.#connected !== connected) return;
    connected.heardMs = this.#world.nowMs;
    const message = fromBinary(ServerMessageSchema, bytes);
    if (message.watching !== undefined) this.#takeWatching(connected, message.watching);
    if (message.audience !== undefined) this.#takeAudience(connected, message.audience.viewers);
    const account = this.accounts.get(connected.epoch);
    for (const { first, last, reason } of message.gaps) {
      this.#world.trace(`${this.name} gap ${first}-${last} reason ${reason}`);
      if (account === undefined) this.#breach('a gap while nothing is live');
      else account.gap(Number(first), Number(last), reason);
    }
    for (const frame of message.frames) this.#takeFrame(connected, frame, account);
    if (message.ended !== undefined) this.#takeEnded(message.ended, account);
    if (message.goAway !== undefined) this.#moveWithin(connected, message.goAway.closeAfterMs);
  }

  /** The server is about to close. The viewer connects to another before that. */
  #moveWithin(connected: Connected, closeAfterMs: number): void {
    this.#later(this.#world.random.between(0, closeAfterMs / 2), () => {
      if (this.#connected === connected && closeAfterMs > 0) this.roam();
    });
  }

  #takeAudience(connected: Connected, viewers: number): void {
    if (viewers === connected.audience) this.#breach(`Audience repeated ${viewers} viewers`);
    connected.audience = viewers;
  }

  #takeWatching(connected: Connected, { epoch, nextSequence, receiptIntervalMs }: NonNullable<ServerMessage['watching']>): void {
    this.#failures = 0;
    if (!this.#stalled) this.#promptFromMs = this.#world.nowMs + SETTLED_MS;
    const isFirst = connected.epoch === 0n;
    if (isFirst && receiptIntervalMs > 0) this.#reportEvery(connected, receiptIntervalMs);
    connected.epoch = epoch;
    connected.audience = undefined;
    if (epoch === 0n) return;
    this.#world.trace(`${this.name} watches from ${nextSequence}`);
    const account = this.accounts.get(epoch);
    if (account === undefined) this.accounts.set(epoch, new ViewerAccount(Number(nextSequence), (what) => this.#breach(what)));
    else account.watching(Number(nextSequence), this.#asked?.epoch === epoch ? this.#asked.nextSequence : undefined);
    this.#asked = undefined;
    this.#newest = { epoch, sequence: account?.newest ?? -1 };
  }

  #takeFrame(connected: Connected, frame: Uint8Array, account: ViewerAccount | undefined): void {
    const { epoch, sequence } = peekFrame(frame);
    this.frames++;
    connected.owesReceipt = true;
    if (account === undefined || epoch !== connected.epoch) {
      this.#breach(`frame ${sequence} of an epoch that it does not watch`);
      return;
    }
    const isLive = sequence >= account.next;
    account.frame(sequence);
    if (sequence > this.#newest.sequence) this.#newest = { epoch, sequence };
    this.#world.viewerGot(this, connected.node, frame, isLive);
  }

  #takeEnded({ epoch, nextSequence, reason }: NonNullable<ServerMessage['ended']>, account: ViewerAccount | undefined): void {
    this.#world.trace(`${this.name} received Ended at ${nextSequence}, reason ${reason}`);
    if (account === undefined || this.#connected?.epoch !== epoch) this.#breach('the end of an epoch that it does not watch');
    else account.ended(Number(nextSequence));
  }

  #reportEvery(connected: Connected, intervalMs: number): void {
    this.#every(
      intervalMs,
      () => {
        const { epoch, sequence } = this.#newest;
        if (this.#stalled || !connected.owesReceipt) return;
        connected.owesReceipt = false;
        this.#later(this.#nature.receiptDelayMs, () => {
          if (this.#connected === connected) this.#send({ receipt: { epoch, sequence: BigInt(sequence) } });
        });
      },
      () => this.#connected === connected,
    );
  }

  #send(message: MessageInitShape<typeof ClientMessageSchema>): void {
    this.#connected?.socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, message)));
  }

  #breach(what: string): void {
    this.#world.breach(`${this.name}: ${what}`);
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.time.at(this.#world.nowMs + delayMs, Phase.timer, run);
  }

  #every(intervalMs: number, run: () => void, goesOn: () => boolean = () => !this.#left): void {
    this.#later(intervalMs, () => {
      if (!goesOn() || this.#left) return;
      run();
      this.#every(intervalMs, run, goesOn);
    });
  }
}
