// Broadcasts one stream: voice, poses and events in; frames out over a reconnecting connection.
// Invariant: a frame with a sequence is acknowledged, kept for resending, or declared dropped.
import {
  type CloseCodeName,
  isStreamName,
  Limits,
  OPUS_SAMPLE_RATE,
  opusPacketSamples,
  PATHS,
  type Pose,
  type Published,
  type ServerMessage,
  Timing,
} from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import type { ConnectionState, StateChange } from '../connection/connection-state.ts';
import { endReasonName } from '../connection/end-reason.ts';
import { Link, type LinkOwner } from '../connection/link.ts';
import { Emitter } from '../emitter.ts';
import { BroadcastEpoch } from './broadcast-epoch.ts';
import type {
  AudioInput,
  BroadcastEnded,
  BroadcasterEvents,
  BroadcasterOptions,
  BroadcasterStatistics,
  EventInput,
  MotionOptions,
  StreamDescription,
} from './broadcaster-api.ts';
import { checkedEvent } from './checked-text.ts';
import { Outbox } from './outbox.ts';
import { checkedDescription } from './stream-header.ts';
import { countName, noFrames } from './unacknowledged-queue.ts';
import { Uplink } from './uplink.ts';

const QUEUE_EVENTS_MAX = 4_096;
const QUEUE_BYTES_MAX = 16 * 1_048_576;
/** Interval at which resends, held voice and bounds are checked. */
const TICK_MS = 50;
/**
 * Broadcasts one stream. Events: see BroadcasterEvents. Make another instance for another
 * broadcast.
 */
export class Broadcaster extends Emitter<BroadcasterEvents> {
  readonly #options: BroadcasterOptions;
  readonly #link: Link;
  readonly #uplink = new Uplink();
  readonly #frames = noFrames();
  readonly #dropped = noFrames();
  #description: StreamDescription;
  #ticket = new Uint8Array();
  #epoch: BroadcastEpoch | undefined;
  #startedMs: number | undefined;
  #frameBytesMax: number = Limits.frameBytesMax;
  #viewers = 0;
  #resentBefore = 0;
  #tick: ReturnType<typeof setInterval> | undefined;
  #flushDue = false;
  #ending: { resolve: () => void; reject: (error: ClientError) => void; promise: Promise<void> } | undefined;
  #ended: BroadcastEnded | undefined;

  /** Throws ClientError INVALID for options that no server would accept. */
  constructor(options: BroadcasterOptions) {
    super();
    if (!isStreamName(options.stream)) throw new ClientError('INVALID', 'A stream name is 1 to 64 of A-Z a-z 0-9 _ -.');
    const { title = '', avatar = '', participants = [], audio, motionRate = 30 } = options;
    this.#description = checkedDescription({ title, avatar, participants, audio, motionRate });
    this.#options = options;
    const owner: LinkOwner = {
      hello: (token) => ({ publish: { stream: options.stream, token, ticket: this.#ticket } }),
      welcome: ({ published }) => (published === undefined ? undefined : Number(published.serverUnixUs)),
      onMessage: (message) => this.#take(message),
      onState: (change) => this.#become(change),
      recovers: (name) => this.#recovers(name),
    };
    this.#link = new Link(options, PATHS.publish, owner);
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  /** The epoch that is being broadcast; undefined before start() has resolved. */
  get epoch(): bigint | undefined {
    return this.#epoch?.epoch;
  }

  /** A snapshot of the statistics. */
  get stats(): BroadcasterStatistics {
    const nowMs = this.#link.clock.nowMs();
    const outbox = this.#epoch?.outbox;
    return {
      state: this.state,
      frames: { ...this.#frames },
      resent: this.#resentBefore + (outbox?.resent ?? 0),
      dropped: { ...this.#dropped },
      bitsPerSecond: this.#uplink.bitsPerSecond(nowMs),
      uplinkBitsPerSecond: this.#uplink.estimateBitsPerSecond,
      roundTripMs: this.#link.clockEstimate.roundTripMs,
      clock: this.#link.clockEstimate.at(nowMs),
      unacknowledgedFrames: outbox?.queue.frames ?? 0,
      unacknowledgedBytes: outbox?.queue.bytes ?? 0,
      acknowledgedNextSequence: outbox?.queue.acknowledged ?? 0,
      nextSequence: outbox?.nextSequence ?? 0,
      reconnects: this.#link.reconnects,
      bufferedAmountBytes: this.#link.bufferedAmountBytes,
      viewers: this.#viewers,
    };
  }

  /** The content of the HEADER: the given description with its text cleaned. */
  get description(): Readonly<StreamDescription> {
    return this.#description;
  }

  /**
   * Starts the first epoch. Rejects with ClientError REFUSED, UNREACHABLE, or NOT_LIVE if started
   * before.
   */
  start(): Promise<void> {
    return this.#link.connect();
  }

  /**
   * Microseconds since the first epoch began: the application's timeline for captureUs, over all
   * epochs. 0 before start() has resolved.
   */
  nowUs(): number {
    return this.captureUsAt(this.#link.clock.nowMs());
  }

  /** Converts a time of the clock (performance.now() by default) to nowUs()'s timeline. */
  captureUsAt(clockMs: number): number {
    return this.#startedMs === undefined ? 0 : Math.round((clockMs - this.#startedMs) * 1000);
  }

  /**
   * Sends voice and returns its sequence. Without an epoch, or for voice from before it began,
   * counts a drop and returns undefined. Throws ClientError INVALID for packets that are not Opus
   * or a bad position.
   */
  sendAudio(audio: AudioInput): number | undefined {
    const { packets, position, level, participant = 0 } = audio;
    if (packets.length === 0 || packets.length > Limits.audioPacketsMax)
      throw new ClientError('INVALID', `An audio frame holds 1 to ${Limits.audioPacketsMax} packets.`);
    if (!Number.isSafeInteger(position)) throw new ClientError('INVALID', 'An audio position is a whole number of samples.');
    if (level !== undefined && !(Number.isInteger(level) && level >= 0 && level <= 127))
      throw new ClientError('INVALID', 'An audio level is 0 to 127.');
    const samples = durationSamples(packets);
    const fallbackUs = Math.max(this.#epochBeganUs(), this.nowUs() - Math.round((samples * 1e6) / OPUS_SAMPLE_RATE));
    const captureUs = this.#epochCaptureUs(audio.captureUs ?? fallbackUs);
    if (this.#epoch === undefined || captureUs === undefined) return this.#drop('audio');
    return this.#sent(this.#epoch.audio({ participant, captureUs }, { packets, position, samples, level }));
  }

  /**
   * Sends a pose: a key at least once a second, otherwise a delta against it. Returns its sequence,
   * or undefined for a pose that is dropped: no epoch, from before it, or a delta in congestion.
   */
  sendMotion(pose: Pose, options: MotionOptions = {}): number | undefined {
    const { participant = 0 } = options;
    const captureUs = this.#epochCaptureUs(options.captureUs ?? this.nowUs());
    if (this.#epoch === undefined || captureUs === undefined) return this.#drop('motion');
    const sequence = this.#epoch.motion({ participant, captureUs }, pose);
    return sequence === undefined ? this.#drop('motion') : this.#sent(sequence);
  }

  /**
   * Sends an event, which is never dropped. Returns its sequence; the event is durable once an
   * `ack` has nextSequence > sequence. Its text is cleaned; a comment may have several lines.
   * Throws ClientError NOT_LIVE without an epoch, QUEUE_FULL if too many wait, INVALID if it or its
   * text is too big.
   */
  sendEvent(event: EventInput, options: { participant?: number; captureUs?: number } = {}): number {
    if (this.#epoch === undefined || !this.#takesFrames) throw new ClientError('NOT_LIVE', 'The broadcast is not live.');
    const checked = checkedEvent(event);
    this.#epoch.outbox.expire();
    if (this.#epoch.outbox.queue.eventsFull) throw new ClientError('QUEUE_FULL', 'Too many events wait to be acknowledged.');
    const captureUs = this.#epochCaptureUs(options.captureUs ?? this.nowUs()) ?? 0;
    return this.#sent(this.#epoch.event({ participant: options.participant ?? 0, captureUs }, checked));
  }

  /** Changes and resends the HEADER, text cleaned. Throws ClientError INVALID or QUEUE_FULL. */
  update(change: Partial<StreamDescription>): void {
    const description = checkedDescription({ ...this.#description, ...change });
    if (this.#epoch?.outbox.queue.eventsFull) throw new ClientError('QUEUE_FULL', 'Too many events wait to be acknowledged.');
    this.#description = description;
    if (this.#epoch !== undefined && this.#takesFrames) this.#sendHeader(this.#epoch);
  }

  /** Shorthand for update({ title }). */
  setTitle(title: string): void {
    this.update({ title });
  }

  /**
   * Ends the broadcast. Resolves when the server has stored all of it, which may take
   * reconnections. Rejects with ClientError if the broadcast fails or is closed first. Later frames
   * are dropped.
   */
  end(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending.promise;
    if (this.#epoch === undefined || this.state === 'failed' || this.state === 'ended') {
      this.close();
      return Promise.resolve();
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#ending = { promise, resolve, reject };
    this.#epoch.outbox.finish();
    return promise;
  }

  /** Closes the connection at once without an END: the server ends the epoch after its timeout. */
  close(): void {
    this.#link.close();
  }

  get #takesFrames(): boolean {
    return this.#ending === undefined && (this.state === 'live' || this.state === 'reconnecting');
  }

  #epochBeganUs(): number {
    return this.#epoch === undefined ? 0 : this.captureUsAt(this.#epoch.beganMs);
  }

  /**
   * The application's capture time in the epoch; undefined before it, or if nothing can be sent.
   */
  #epochCaptureUs(captureUs: number): number | undefined {
    const us = Math.round(captureUs) - this.#epochBeganUs();
    return this.#takesFrames && us >= 0 ? us : undefined;
  }

  #drop(kind: 'audio' | 'motion'): undefined {
    this.#dropped[kind]++;
  }

  /** A frame is in the outbox. Frames of one turn of the event loop share a message. */
  #sent(sequence: number): number {
    if (this.#flushDue) return sequence;
    this.#flushDue = true;
    queueMicrotask(() => {
      this.#flushDue = false;
      this.#epoch?.outbox.flush();
    });
    return sequence;
  }

  #sendHeader(epoch: BroadcastEpoch): void {
    const nowMs = this.#link.clock.nowMs();
    this.#sent(epoch.header(this.#description, this.#link.clockEstimate.at(nowMs), nowMs));
  }

  #take(message: ServerMessage): void {
    if (message.published !== undefined) this.#published(message.published);
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    if (message.ack !== undefined) this.#acknowledged(epoch, Number(message.ack.nextSequence), message.ack.ticket);
    if (message.resend !== undefined) epoch.outbox.resend(Number(message.resend.fromSequence));
    if (message.audience !== undefined) {
      this.#viewers = message.audience.viewers;
      this.emit('audience', { viewers: this.#viewers });
    }
    if (message.ended !== undefined && message.ended.epoch === epoch.epoch) {
      this.#over({ nextSequence: Number(message.ended.nextSequence), reason: endReasonName(message.ended.reason) });
      this.#link.close('The broadcast has ended.');
    }
  }

  #published(published: Published): void {
    if (published.limits !== undefined) {
      this.#uplink.limitBitsPerSecond = published.limits.bitsPerSecondMax;
      this.#uplink.limitFramesPerSecond = published.limits.framesPerSecondMax;
      this.#frameBytesMax = Math.min(Limits.frameBytesMax, published.limits.frameBytesMax || Limits.frameBytesMax);
    }
    if (this.#epoch?.epoch !== published.epoch) this.#begin(published.epoch);
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    const next = Math.min(Number(published.nextSequence), epoch.outbox.nextSequence);
    epoch.outbox.connect(next);
    this.#acknowledged(epoch, next, published.ticket);
    epoch.restartMotion();
    if (this.#ending === undefined) this.#sendHeader(epoch);
    epoch.outbox.flush();
  }

  #begin(epoch: bigint): void {
    const { clock } = this.#link;
    const previous = this.#epoch;
    const abandoned = noFrames();
    const abandonedEvents: EventInput[] = [];
    for (const { kind, event } of previous?.outbox.queue.unacknowledged() ?? []) {
      abandoned[countName(kind)]++;
      if (event !== undefined) abandonedEvents.push(event);
    }
    this.#resentBefore += previous?.outbox.resent ?? 0;
    const beganMs = clock.nowMs();
    this.#startedMs ??= beganMs;
    this.#epoch = new BroadcastEpoch({
      stream: this.#options.stream,
      epoch,
      beganMs,
      outbox: this.#outbox(),
      frameBytesMax: this.#frameBytesMax,
      onFrame: (kind) => {
        this.#frames[countName(kind)]++;
      },
    });
    this.#tick ??= setInterval(() => this.#onTick(), TICK_MS);
    this.emit('epoch', { epoch, previous: previous?.epoch, abandoned, abandonedEvents });
  }

  #outbox(): Outbox {
    const { queueMs = Timing.unacknowledgedMs, queueEventsMax = QUEUE_EVENTS_MAX, queueBytesMax = QUEUE_BYTES_MAX } = this.#options;
    const link = this.#link;
    return new Outbox({
      limits: { maxAgeMs: queueMs, eventsMax: queueEventsMax, bytesMax: queueBytesMax },
      uplink: this.#uplink,
      nowMs: () => link.clock.nowMs(),
      look: () => ({
        bufferedBytes: link.bufferedAmountBytes,
        unansweredMs: link.unansweredMs,
        shortestRoundTripMs: link.clockEstimate.shortestRoundTripMs,
      }),
      send: (message) => link.send(message),
      onDropped: (counts) => {
        this.#dropped.audio += counts.audio;
        this.#dropped.motion += counts.motion;
      },
    });
  }

  #acknowledged(epoch: BroadcastEpoch, next: number, ticket: Uint8Array): void {
    const { queue } = epoch.outbox;
    const before = queue.acknowledged;
    const end = Math.min(next, epoch.outbox.nextSequence);
    const dropped = queue.dropped.ranges.flatMap(({ first, last }) => (first < end ? [{ first, last: Math.min(last, end - 1) }] : []));
    queue.acknowledge(end);
    if (ticket.length > 0) {
      this.#ticket = ticket.slice();
      queue.release(next);
    }
    if (queue.acknowledged > before) this.emit('ack', { nextSequence: queue.acknowledged, dropped });
  }

  #onTick(): void {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    const nowMs = this.#link.clock.nowMs();
    const improved = epoch.originImproved(this.#link.clockEstimate.at(nowMs), nowMs);
    if (improved && this.state === 'live' && this.#ending === undefined) this.#sendHeader(epoch);
    epoch.outbox.flush();
  }

  #become(change: StateChange): void {
    if (change.state === 'reconnecting') this.#epoch?.outbox.disconnect();
    if (change.state === 'ended' || change.state === 'failed') {
      clearInterval(this.#tick);
      if (change.closeCodeName === 'STREAM_ENDED') this.#over({ nextSequence: this.#epoch?.outbox.nextSequence ?? 0, reason: 'moderated' });
      this.#settle(change);
    }
    this.emit('state', change);
  }

  #over(ended: BroadcastEnded): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    this.emit('ended', ended);
  }

  /** Nothing more will be acknowledged, so end() settles. */
  #settle(change: StateChange): void {
    const outbox = this.#epoch?.outbox;
    if (this.#ended?.reason === 'finished' || (outbox !== undefined && outbox.queue.acknowledged >= outbox.nextSequence))
      this.#ending?.resolve();
    else
      this.#ending?.reject(new ClientError('NOT_LIVE', `The broadcast ended before all of it was stored. ${change.reason ?? ''}`.trim()));
  }

  /**
   * Whether the ticket is invalid and a new epoch begins. False if the broadcast was ending anyway.
   */
  #recovers(name: CloseCodeName | undefined): boolean {
    if (name !== 'TICKET_INVALID' || this.#ticket.length === 0 || this.#ending !== undefined) return false;
    this.#ticket = new Uint8Array();
    return true;
  }
}

function durationSamples(packets: readonly Uint8Array[]): number {
  try {
    return packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
  } catch (cause) {
    throw new ClientError('INVALID', 'A packet is not valid Opus.', { cause });
  }
}
