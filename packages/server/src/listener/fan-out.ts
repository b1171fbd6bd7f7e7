// The frames of one epoch to its viewers. In: frames in order, and receipts. Out: one WebSocket message, made once, to every
// viewer at the head: one that was given everything so far, has nothing pending in its socket and reports what it gets. Who
// fails that falls behind, and has a queue of its own until it has caught up; so a viewer at the head costs one comparison
// and one write, and no memory beyond its record. Invariant, for every viewer: offered = sent + dropped (by reason) + waiting.
import { create, toBinary } from '@bufbuild/protobuf';
import { GapReason, hasKeys, isKey, type NumberRange, ServerMessageSchema } from '@hayate/protocol';
import type { Clock } from '../kernel/clock.ts';
import { trackOf } from '../live/current-group.ts';
import type { CoalesceSchedule } from './coalesce-schedule.ts';
import { webSocketMessages } from './fan-out-message.ts';
import type { FanOutMetrics } from './fan-out-metrics.ts';
import type { Sender } from './fan-out-sender.ts';
import { Viewer, type ViewerConnection, type ViewerSocket } from './fan-out-viewer.ts';
import { ReceiptWindow } from './receipt-window.ts';
import { type QueuedFrame, ViewerQueue, type ViewerQueueLimits } from './viewer-queue.ts';

export interface FanOutOptions {
  clock: Clock;
  schedule: CoalesceSchedule;
  sender: Sender;
  limits: ViewerQueueLimits;
  metrics: FanOutMetrics;
}

const NOTHING = new Uint8Array();
/** An empty ServerMessage. Pages in the background run timers once a minute, and answer messages at once. */
const RECEIPT_QUESTION = NOTHING;
/** A viewer that owes a receipt is asked this often before it is given up, the giving up included. */
const RECEIPT_QUESTIONS = 4;

/** The viewers of one epoch. */
export class FanOut {
  readonly #options: FanOutOptions;
  readonly #head: Viewer[] = [];
  readonly #behind: Viewer[] = [];
  readonly #window: ReceiptWindow;
  /** The newest key of each track that was written to those at the head. */
  readonly #keys = new Map<number, number>();
  #gathered: QueuedFrame[] = [];
  #gatheredBytes = 0;
  #scheduled = false;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#window = new ReceiptWindow(options.limits);
  }

  /** Viewers, at the head and behind. */
  get size(): number {
    return this.#head.length + this.#behind.length;
  }

  /** Viewers with a queue. */
  get behind(): number {
    return this.#behind.length;
  }

  /** Frames offered that wait in queues. */
  get waiting(): number {
    return this.#behind.reduce((sum, { queue }) => sum + (queue?.length ?? 0), 0);
  }

  /** Takes frames in order. They are written soon, together with what comes meanwhile; a window full of them at once. */
  push(frames: readonly QueuedFrame[]): void {
    for (const frame of frames) {
      this.#gathered.push(frame);
      this.#gatheredBytes += frame.message.length;
      if (this.#gatheredBytes >= this.#options.limits.windowBytes) this.flush();
    }
    if (this.#gathered.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule.add({
      flush: () => {
        this.#scheduled = false;
        this.flush();
      },
    });
  }

  /**
   * A viewer that has been given nothing: `greeting` comes first, in order, and then everything pushed from now on.
   * Writes what has been gathered before, which the greeting is taken to hold.
   */
  join(connection: ViewerConnection, socket: ViewerSocket, greeting: readonly QueuedFrame[]): Viewer {
    this.flush();
    const nowMs = this.#options.clock.nowMs();
    const viewer = new Viewer(connection, socket, nowMs);
    if (greeting.length === 0 && this.#window.floor < 0) this.#enter(this.#head, viewer);
    else {
      this.#enter(this.#behind, viewer);
      viewer.queue = this.#queueFor(viewer, { out: [], keys: keysBefore(greeting), heardMs: nowMs });
      viewer.greetedTo = greeting.at(-1)?.header.sequence ?? -1;
      if (greeting.length > 0) this.#offer(viewer, greeting, nowMs);
      this.#settle(viewer);
    }
    return viewer;
  }

  /** The viewer is gone: what waits for it is counted as dropped. */
  leave(viewer: Viewer): void {
    const { queue } = viewer;
    this.#exit(queue === undefined ? this.#head : this.#behind, viewer);
    if (queue === undefined) return;
    queue.close();
    viewer.queue = undefined;
    this.#options.metrics.behind.dec();
  }

  /** The viewer has everything up to `sequence`. */
  receipt(viewer: Viewer, sequence: number): void {
    const nowMs = this.#options.clock.nowMs();
    viewer.heardMs = nowMs;
    if (sequence > viewer.receipted) viewer.receipted = sequence;
    if (viewer.queue === undefined) return;
    viewer.queue.receipt(sequence, nowMs);
    this.#settle(viewer);
  }

  /** Called some times a second: what time alone changes, deadlines of what waits and viewers that report nothing. */
  tick(nowMs: number): void {
    const askAfterMs = this.#options.limits.receiptTimeoutMs / RECEIPT_QUESTIONS;
    for (const viewer of this.#head) {
      if (nowMs - viewer.heardMs <= askAfterMs) continue;
      const sinceMs = this.#window.unreportedSinceMs(viewer.receipted);
      if (sinceMs !== undefined) this.#expectReceipt(viewer, Math.min(nowMs - sinceMs, nowMs - viewer.heardMs), nowMs);
    }
    for (const viewer of this.#behind.slice()) {
      this.#advance(viewer, nowMs);
      if (viewer.queue !== undefined) this.#expectReceipt(viewer, viewer.queue.unreportedMs(nowMs), nowMs);
    }
  }

  /** Asks a viewer that has owed a receipt for `overdueMs`, or gives it up. */
  #expectReceipt(viewer: Viewer, overdueMs: number, nowMs: number): void {
    const { receiptTimeoutMs } = this.#options.limits;
    const askAfterMs = receiptTimeoutMs / RECEIPT_QUESTIONS;
    if (overdueMs > receiptTimeoutMs) viewer.connection.close('RECEIPT_TIMEOUT');
    else if (overdueMs > askAfterMs && nowMs - viewer.askedMs > askAfterMs) {
      viewer.askedMs = nowMs;
      this.#options.metrics.receiptsAskedFor.inc();
      viewer.connection.send(RECEIPT_QUESTION);
    }
  }

  /** Writes what has been gathered. Called before a control message that viewers must read after these frames. */
  flush(): void {
    const frames = this.#gathered;
    if (frames.length === 0) return;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const nowMs = this.#options.clock.nowMs();
    const before = this.#window.last;
    for (const { header, message, receivedUnixUs } of frames)
      this.#window.add({ sequence: header.sequence, bytes: message.length, receivedUnixUs }, nowMs);
    // A socket that does not take all of this message shows it at the next; often it has by then. TLS never has at once.
    const batch = this.#takeBatch(before);
    for (const { header } of frames) if (isKey(header) && hasKeys(header.kind)) this.#noteKey(trackOf(header), header.sequence);
    if (batch.length > 0) this.#writeToHead(frames, bytes, batch);
    this.#window.trim();
    for (const viewer of this.#behind.slice()) {
      if (isGone(viewer)) continue;
      this.#offer(viewer, frames, nowMs);
      this.#settle(viewer);
    }
  }

  /** The viewers at the head that can be written to; those that can not any more fall behind. `last`: what they were given. */
  #takeBatch(last: number): Viewer[] {
    const { floor } = this.#window;
    const batch: Viewer[] = [];
    for (let i = this.#head.length - 1; i >= 0; i--) {
      const viewer = this.#head[i];
      if (viewer === undefined || isGone(viewer)) continue;
      if (viewer.receipted >= floor && viewer.socket.writableLength === 0) batch.push(viewer);
      else this.#fall(viewer, last);
    }
    return batch;
  }

  #writeToHead(frames: readonly QueuedFrame[], bytes: number, batch: readonly Viewer[]): void {
    const { sender, metrics } = this.#options;
    const { length: count } = batch;
    metrics.viewer.offered.inc(frames.length * count);
    metrics.viewer.sent.inc(frames.length * count);
    metrics.viewer.sentBytes.inc(bytes * count);
    metrics.writes.inc({ to: 'head' }, count);
    sender.send(webSocketMessages(frames, bytes), batch, count);
  }

  #offer(viewer: Viewer, frames: readonly QueuedFrame[], nowMs: number): void {
    this.#options.metrics.viewer.offered.inc(frames.length);
    if (viewer.queue?.push(frames, nowMs) === 'too_slow') viewer.connection.close('TOO_SLOW');
  }

  /** From the head to those behind; what is on its way to the viewer, up to `last`, is known to its queue. */
  #fall(viewer: Viewer, last: number): void {
    this.#exit(this.#head, viewer);
    this.#enter(this.#behind, viewer);
    this.#options.metrics.falls.inc();
    const out = this.#window.between(viewer.receipted, last);
    const heardMs = Math.max(viewer.heardMs, out[0]?.sentMs ?? 0);
    viewer.queue = this.#queueFor(viewer, { out, keys: this.#keys, heardMs });
    this.#awaitSocket(viewer);
  }

  #advance(viewer: Viewer, nowMs: number): void {
    if (isGone(viewer)) return;
    viewer.queue?.drain(nowMs);
    this.#settle(viewer);
  }

  /** Behind: sees whether it has caught up, and that it will be looked at when its socket has. */
  #settle(viewer: Viewer): void {
    const { queue, socket } = viewer;
    if (queue === undefined || isGone(viewer)) return;
    if (socket.writableLength > 0) this.#awaitSocket(viewer);
    else if (queue.length === 0 && viewer.receipted >= Math.max(this.#window.floor, viewer.greetedTo)) {
      this.#tellGaps(viewer, queue.takeDropped());
      viewer.queue = undefined;
      this.#options.metrics.behind.dec();
      this.#exit(this.#behind, viewer);
      this.#enter(this.#head, viewer);
    }
  }

  /** An empty write is called back when all before it has been taken, whoever wrote that. */
  #awaitSocket(viewer: Viewer): void {
    if (viewer.awaitsSocket || viewer.socket.writableLength === 0) return;
    viewer.awaitsSocket = true;
    viewer.socket.write(NOTHING, () => {
      viewer.awaitsSocket = false;
      this.#advance(viewer, this.#options.clock.nowMs());
    });
  }

  #queueFor(viewer: Viewer, seed: ConstructorParameters<typeof ViewerQueue>[1]): ViewerQueue {
    const { limits, metrics } = this.#options;
    metrics.behind.inc();
    return new ViewerQueue(
      {
        limits,
        ready: () => viewer.socket.writableLength === 0,
        send: (frames, dropped) => this.#writeToOne(viewer, frames, dropped),
        onDrop: (reason, frames) => metrics.viewer.dropped.inc({ reason }, frames),
      },
      seed,
    );
  }

  #writeToOne(viewer: Viewer, frames: readonly QueuedFrame[], dropped: readonly Readonly<NumberRange>[]): void {
    const { metrics } = this.#options;
    let bytes = 0;
    for (const { message } of frames) bytes += message.length;
    metrics.viewer.sent.inc(frames.length);
    metrics.viewer.sentBytes.inc(bytes);
    metrics.writes.inc({ to: 'behind' });
    this.#tellGaps(viewer, dropped);
    viewer.socket.write(webSocketMessages(frames, bytes));
  }

  #tellGaps(viewer: Viewer, ranges: readonly Readonly<NumberRange>[]): void {
    if (ranges.length > 0) viewer.connection.send(encodeGaps(ranges, GapReason.SLOW));
  }

  /** A group that came late may bring older ones. */
  #noteKey(track: number, sequence: number): void {
    this.#keys.set(track, Math.max(sequence, this.#keys.get(track) ?? 0));
  }

  #enter(viewers: Viewer[], viewer: Viewer): void {
    viewer.index = viewers.push(viewer) - 1;
  }

  #exit(viewers: Viewer[], viewer: Viewer): void {
    const last = viewers.pop();
    if (last === undefined || last === viewer) return;
    viewers[viewer.index] = last;
    last.index = viewer.index;
  }
}

/** A viewer who returns was given the keys on which what is replayed stands, though they may be no longer current. */
function keysBefore(greeting: readonly QueuedFrame[]): Map<number, number> {
  const keys = new Map<number, number>();
  for (const { header } of greeting) if (hasKeys(header.kind) && !keys.has(trackOf(header))) keys.set(trackOf(header), header.keySequence);
  return keys;
}

/** Nothing may be written to it any more; it leaves in a moment. */
function isGone({ connection, socket }: Viewer): boolean {
  return connection.closing || socket.destroyed;
}

/** A ServerMessage that names frames which will not come. */
export function encodeGaps(ranges: readonly Readonly<NumberRange>[], reason: GapReason): Uint8Array {
  const gaps = ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last), reason }));
  return toBinary(ServerMessageSchema, create(ServerMessageSchema, { gaps }));
}
