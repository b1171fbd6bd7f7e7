// Broadcasts one stream: voice, poses and events in; frames out over a reconnecting connection.
// In: the application's calls and the server's messages. Out: the current epoch's frames, and
// events for the application. Invariant: at most one epoch takes frames.
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
import { BroadcastEpoch, type BroadcastEpochOptions, type EpochStatistics } from './broadcast-epoch.ts';
import type {
  Acknowledgement,
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
import { checkedDescription } from './stream-header.ts';
import { countName, noFrames } from './unacknowledged-queue.ts';
import { Uplink } from './uplink.ts';

const QUEUE_EVENTS_MAX = 4_096;
const QUEUE_BYTES_MAX = 16 * 1_048_576;
/** Interval at which resends, held voice and bounds are checked. */
const TICK_MS = 50;
/** Before the first epoch. */
const NO_STATISTICS: EpochStatistics = {
  resent: 0,
  unacknowledgedFrames: 0,
  unacknowledgedBytes: 0,
  acknowledgedNextSequence: 0,
  nextSequence: 0,
};

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
    if (!isStreamName(options.stream)) throw new ClientError('INVALID', 'A stream name has 1 to 64 characters of A-Z, a-z, 0-9, _ and -.');
    const { title = '', avatar = '', participants = [], audio, motionRate = 30 } = options;
    this.#description = checkedDescription({ title, avatar, participants, audio, motionRate });
    this.#options = options;
    const owner: LinkOwner = {
      hello: (token) => ({ publish: { stream: options.stream, token, ticket: this.#ticket } }),
      welcome: ({ published }) => (published === undefined ? undefined : Number(published.serverUnixUs)),
      onMessage: (message) => this.#receive(message),
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
    const { resent, ...epoch } = this.#epoch?.statistics ?? NO_STATISTICS;
    return {
      state: this.state,
      frames: { ...this.#frames },
      resent: this.#resentBefore + resent,
      dropped: { ...this.#dropped },
      bitsPerSecond: this.#uplink.bitsPerSecond(nowMs),
      uplinkBitsPerSecond: this.#uplink.estimateBitsPerSecond,
      roundTripMs: this.#link.clockEstimate.roundTripMs,
      clock: this.#link.clockEstimate.at(nowMs),
      ...epoch,
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
    const captureUs = this.#epochCaptureUs(options.captureUs ?? this.nowUs()) ?? 0;
    return this.#sent(this.#epoch.event({ participant: options.participant ?? 0, captureUs }, checked));
  }

  /** Changes and resends the HEADER, text cleaned. Throws ClientError INVALID or QUEUE_FULL. */
  update(change: Partial<StreamDescription>): void {
    const description = checkedDescription({ ...this.#description, ...change });
    this.#epoch?.checkRoom();
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
    this.#epoch.finish();
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

  /** The epoch has taken a frame. Frames of one turn of the event loop share a message. */
  #sent(sequence: number): number {
    if (this.#flushDue) return sequence;
    this.#flushDue = true;
    queueMicrotask(() => {
      this.#flushDue = false;
      this.#epoch?.flush();
    });
    return sequence;
  }

  #sendHeader(epoch: BroadcastEpoch): void {
    const nowMs = this.#link.clock.nowMs();
    this.#sent(epoch.header(this.#description, this.#link.clockEstimate.at(nowMs), nowMs));
  }

  #receive(message: ServerMessage): void {
    if (message.published !== undefined) this.#published(message.published);
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    if (message.ack !== undefined) {
      const isVouched = this.#takeTicket(message.ack.ticket);
      this.#tellAcknowledged(epoch.acknowledge(Number(message.ack.nextSequence), isVouched));
    }
    if (message.resend !== undefined) epoch.resend(Number(message.resend.fromSequence));
    if (message.audience !== undefined) {
      this.#viewers = message.audience.viewers;
      this.emit('audience', { viewers: this.#viewers });
    }
    if (message.ended !== undefined && message.ended.epoch === epoch.epoch) {
      this.#reportEnd({ nextSequence: Number(message.ended.nextSequence), reason: endReasonName(message.ended.reason) });
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
    const isVouched = this.#takeTicket(published.ticket);
    this.#tellAcknowledged(epoch.connect(Number(published.nextSequence), isVouched));
    if (this.#ending === undefined) this.#sendHeader(epoch);
    epoch.flush();
  }

  #begin(epoch: bigint): void {
    const previous = this.#epoch;
    const { counts: abandoned, events: abandonedEvents } = previous?.unacknowledged ?? { counts: noFrames(), events: [] };
    this.#resentBefore += previous?.statistics.resent ?? 0;
    const beganMs = this.#link.clock.nowMs();
    this.#startedMs ??= beganMs;
    this.#epoch = new BroadcastEpoch(this.#epochOptions(epoch, beganMs));
    this.#tick ??= setInterval(() => this.#onTick(), TICK_MS);
    this.emit('epoch', { epoch, previous: previous?.epoch, abandoned, abandonedEvents });
  }

  #epochOptions(epoch: bigint, beganMs: number): BroadcastEpochOptions {
    const { stream, queueMs = Timing.unacknowledgedMs, queueEventsMax = QUEUE_EVENTS_MAX, queueBytesMax = QUEUE_BYTES_MAX } = this.#options;
    const link = this.#link;
    return {
      stream,
      epoch,
      beganMs,
      frameBytesMax: this.#frameBytesMax,
      onFrame: (kind) => {
        this.#frames[countName(kind)]++;
      },
      limits: { maxAgeMs: queueMs, eventsMax: queueEventsMax, bytesMax: queueBytesMax },
      uplink: this.#uplink,
      nowMs: () => link.clock.nowMs(),
      readSocket: () => ({
        bufferedBytes: link.bufferedAmountBytes,
        unansweredMs: link.unansweredMs,
        shortestRoundTripMs: link.clockEstimate.shortestRoundTripMs,
      }),
      send: (message) => link.send(message),
      onDropped: (counts) => {
        this.#dropped.audio += counts.audio;
        this.#dropped.motion += counts.motion;
      },
    };
  }

  /** Keeps the ticket of a message. False: the message has none. */
  #takeTicket(ticket: Uint8Array): boolean {
    if (ticket.length > 0) this.#ticket = ticket.slice();
    return ticket.length > 0;
  }

  #tellAcknowledged(acknowledgement: Acknowledgement | undefined): void {
    if (acknowledgement !== undefined) this.emit('ack', acknowledgement);
  }

  #onTick(): void {
    const epoch = this.#epoch;
    if (epoch === undefined) return;
    const nowMs = this.#link.clock.nowMs();
    const improved = epoch.originImproved(this.#link.clockEstimate.at(nowMs), nowMs);
    if (improved && this.state === 'live' && this.#ending === undefined) this.#sendHeader(epoch);
    epoch.flush();
  }

  #become(change: StateChange): void {
    if (change.state === 'reconnecting') this.#epoch?.disconnect();
    if (change.state === 'ended' || change.state === 'failed') {
      clearInterval(this.#tick);
      if (change.closeCodeName === 'STREAM_ENDED')
        this.#reportEnd({ nextSequence: this.#epoch?.statistics.nextSequence ?? 0, reason: 'moderated' });
      this.#settle(change);
    }
    this.emit('state', change);
  }

  #reportEnd(ended: BroadcastEnded): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    this.emit('ended', ended);
  }

  /** Nothing more will be acknowledged, so end() settles. */
  #settle(change: StateChange): void {
    const epoch = this.#epoch?.statistics;
    if (this.#ended?.reason === 'finished' || (epoch !== undefined && epoch.acknowledgedNextSequence >= epoch.nextSequence))
      this.#ending?.resolve();
    else
      this.#ending?.reject(new ClientError('NOT_LIVE', `The broadcast ended before all frames were stored. ${change.reason ?? ''}`.trim()));
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
