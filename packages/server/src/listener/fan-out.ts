// Sends the frames of one epoch to its viewers. In: frames in order, and receipts. Out: one
// WebSocket message, encoded once, to every viewer at the head. A viewer is at the head if it was
// given everything so far, has nothing pending in its socket and reports what it receives.
// Otherwise it falls behind and has its own queue until it has caught up. So a viewer at the head
// costs one comparison and one write, and no memory beyond its record. Invariant, for every viewer:
// offered = sent + dropped (by reason) + waiting.
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
/**
 * An empty ServerMessage. Background pages run timers once a minute, but answer messages at once.
 */
const RECEIPT_QUESTION = NOTHING;
/**
 * How often a viewer that owes a receipt is asked before it is given up; giving it up counts as
 * one.
 */
const RECEIPT_QUESTIONS = 4;

/** The viewers of one epoch. */
export class FanOut {
  readonly #options: FanOutOptions;
  readonly #head: Viewer[] = [];
  readonly #behind: Viewer[] = [];
  readonly #window: ReceiptWindow;
  /** The newest key of each track that was written to the viewers at the head. */
  readonly #keys = new Map<number, number>();
  #gathered: QueuedFrame[] = [];
  #gatheredBytes = 0;
  #scheduled = false;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#window = new ReceiptWindow(options.limits);
  }

  /** Number of viewers, at the head and behind. */
  get size(): number {
    return this.#head.length + this.#behind.length;
  }

  /** Number of viewers with a queue. */
  get behind(): number {
    return this.#behind.length;
  }

  /** Number of offered frames that wait in queues. */
  get waiting(): number {
    return this.#behind.reduce((sum, { queue }) => sum + (queue?.length ?? 0), 0);
  }

  /**
   * Takes frames in order. They are written soon, together with the next ones; at once if a window
   * is full.
   */
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
   * Adds a viewer that has been given nothing. It gets `greeting` first, in order, then everything
   * pushed from now on. Frames gathered before are written first, since the greeting is assumed to
   * hold them.
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

  /** Removes a viewer. Frames that wait for it are counted as dropped. */
  leave(viewer: Viewer): void {
    const { queue } = viewer;
    this.#exit(queue === undefined ? this.#head : this.#behind, viewer);
    if (queue === undefined) return;
    queue.close();
    viewer.queue = undefined;
    this.#options.metrics.behind.dec();
  }

  /** The viewer has received everything up to `sequence`. */
  receipt(viewer: Viewer, sequence: number): void {
    const nowMs = this.#options.clock.nowMs();
    viewer.heardMs = nowMs;
    if (sequence > viewer.receipted) viewer.receipted = sequence;
    if (viewer.queue === undefined) return;
    viewer.queue.receipt(sequence, nowMs);
    this.#settle(viewer);
  }

  /**
   * Called several times a second. Handles what depends on time alone: deadlines of waiting frames,
   * and viewers that report nothing.
   */
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

  /** Asks a viewer for a receipt that is `overdueMs` late, or gives the viewer up. */
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

  /**
   * Writes the gathered frames. Called before a control message that viewers must read after these
   * frames.
   */
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
    // If a socket does not take all of this message, that shows at the next one; often the socket
    // has caught up by then. TLS sockets never take a message at once.
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

  /**
   * The viewers at the head that can be written to. The others fall behind. `last`: the last
   * sequence that they were given.
   */
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

  /**
   * Moves a viewer from the head to those behind. Its queue learns which frames, up to `last`, are
   * on their way.
   */
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

  /**
   * Checks whether a viewer that is behind has caught up, and makes sure it is checked again when
   * its socket has.
   */
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

  /**
   * The callback of an empty write runs when all writes before it, by fan-out or the WebSocket, are
   * taken.
   */
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

  /** A late group may bring keys older than the known one. */
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

/**
 * The keys that the replayed frames need. A returning viewer already has them, although they may no
 * longer be current.
 */
function keysBefore(greeting: readonly QueuedFrame[]): Map<number, number> {
  const keys = new Map<number, number>();
  for (const { header } of greeting) if (hasKeys(header.kind) && !keys.has(trackOf(header))) keys.set(trackOf(header), header.keySequence);
  return keys;
}

/** Whether nothing may be written to the viewer any more; it is about to leave. */
function isGone({ connection, socket }: Viewer): boolean {
  return connection.closing || socket.destroyed;
}

/** Encodes a ServerMessage that names frames which will not come. */
export function encodeGaps(ranges: readonly Readonly<NumberRange>[], reason: GapReason): Uint8Array {
  const gaps = ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last), reason }));
  return toBinary(ServerMessageSchema, create(ServerMessageSchema, { gaps }));
}
