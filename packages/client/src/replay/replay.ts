// Plays an archived broadcast. Frames over HTTP go in; headers, voice packets, poses and events
// come out as from a Viewer, each shortly before its time on a clock that runs 0.5 to 4 times as
// fast as real time. A Player plays either. A seek loads the chunk of the wanted moment, which
// includes the frames that are needed to begin there.
import { epochFromText, framePayload, isStreamName, Kind, type StreamHeader } from '@hayate/protocol';
import { ClientError } from '../client-error.ts';
import { type Clock, monotonicClock } from '../connection/clock.ts';
import { Emitter } from '../emitter.ts';
import type { MediaSource, Playback } from '../playout/media-source.ts';
import { readFrameContent } from '../viewer/frame-content.ts';
import { MotionDecoder } from '../viewer/motion-decoder.ts';
import { loadFrames, type StoredFrame } from './archive-frames.ts';
import { CHUNK_MS, type Chunk, ChunkStore, chunkIndexOf } from './chunk-store.ts';
import { type ReplayEvents, type ReplayOptions, ReplayRates, type ReplayState } from './replay-api.ts';

/**
 * How long before their time frames are given, real milliseconds: pages in the background have slow
 * timers.
 */
const LEAD_MS = 1_000;
const TICK_MS = 100;
/** From play to the first sound: the lead that the decoder needs. */
const START_MS = 100;
/**
 * Voice decoded before the place, because a decoder's first packets are not right (RFC 7845 section
 * 4.6).
 */
const PREROLL_MS = 100;
/** How far ahead chunks are loaded, real milliseconds. */
const AHEAD_MS = 15_000;

/** A place among the frames of the chunks. */
interface Cursor {
  chunk: number;
  at: number;
}

/** Replays one broadcast. Events: see ReplayEvents. */
export class Replay extends Emitter<ReplayEvents> implements MediaSource, Playback {
  readonly clock: Clock;
  readonly durationMs: number;
  readonly missingFrames = 0;
  readonly #epoch: bigint;
  readonly #chunks: ChunkStore;
  #state: ReplayState = 'idle';
  #reason: string | undefined;
  /** Whether it should play as soon as it can. */
  #isWanted = false;
  #rate = 1;
  /** The place, or the place at which playback began at #sinceMs of the clock. */
  #placeMs = 0;
  #sinceMs = 0;
  /** Number of the latest load; the result of an earlier one is ignored. */
  #loadId = 0;
  #motion = new MotionDecoder();
  #header: { content: StreamHeader; sequence: number } | undefined;
  /** The end of the frames given so far, voice excepted; only #firstChunk gives its lead-in. */
  #scene: Cursor = { chunk: 0, at: 0 };
  #firstChunk = 0;
  #voice: Cursor = { chunk: 0, at: 0 };
  #voiceFromMs = 0;
  #malformed = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Throws ClientError INVALID for options that do not name a broadcast. */
  constructor(options: ReplayOptions) {
    super();
    const epoch = epochFromText(options.epoch);
    if (!isStreamName(options.stream) || epoch === undefined || !(options.durationMs >= 0))
      throw new ClientError('INVALID', 'A broadcast needs a stream name and an epoch of 16 hex digits.');
    this.#epoch = epoch;
    this.clock = options.clock ?? monotonicClock;
    this.durationMs = options.durationMs;
    this.#chunks = new ChunkStore(
      (range, signal) => loadFrames(options, range, signal),
      () => this.clock.nowMs(),
    );
  }

  get playback(): Playback {
    return this;
  }

  get state(): ReplayState {
    return this.#state;
  }

  /** With state 'failed': one sentence for people. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Whether it plays, or will play once its chunk is loaded. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  get header(): StreamHeader | undefined {
    return this.#header?.content;
  }

  /** Frames that could not be read. */
  get malformed(): number {
    return this.#malformed;
  }

  get rate(): number {
    return this.#rate;
  }

  /** 0.5 to 4; other values are clamped. */
  set rate(rate: number) {
    this.#placeMs = this.positionMs;
    this.#rate = Math.min(ReplayRates.max, Math.max(ReplayRates.min, rate));
    if (this.#state === 'playing') this.#run();
  }

  /** The capture time shown now, milliseconds of the epoch. */
  get positionMs(): number {
    return Math.min(this.durationMs, Math.max(this.#placeMs, this.mediaMs(this.clock.nowMs())));
  }

  mediaMs(nowMs: number): number {
    return this.#state === 'playing' ? this.#placeMs + (nowMs - this.#sinceMs) * this.#rate : this.#placeMs;
  }

  /** Undefined: a replay has no age. */
  ageOf(): undefined {}

  /** Moves to `mediaMs` (capture time) and continues to play if it plays. */
  seek(mediaMs: number): void {
    this.#goTo(Math.min(this.durationMs, Math.max(0, mediaMs)));
  }

  /** Plays; from the beginning if it is at the end. */
  play(): void {
    this.#isWanted = true;
    if (this.#state === 'paused') this.#run();
    else if (this.#state === 'ended') this.#goTo(0);
    else if (this.#state === 'idle' || this.#state === 'failed') this.#goTo(this.#placeMs);
  }

  pause(): void {
    this.#isWanted = false;
    if (this.#state !== 'playing') return;
    this.#placeMs = this.positionMs;
    this.#become('paused');
  }

  repeatVoice(): void {
    if (this.#state !== 'playing') return;
    this.#placeVoice(this.positionMs);
    this.#tick();
  }

  close(): void {
    this.#loadId++;
    this.#become('idle');
    this.#chunks.close();
  }

  #become(state: ReplayState, reason?: string): void {
    this.#state = state;
    this.#reason = reason;
    if (state !== 'playing') clearInterval(this.#timer);
    this.emit('state', reason === undefined ? { state } : { state, reason });
  }

  #goTo(mediaMs: number): void {
    this.#placeMs = mediaMs;
    this.#become('loading');
    this.emit('epoch', { epoch: this.#epoch });
    this.#motion = new MotionDecoder();
    this.#header = undefined;
    this.#load((chunk) => {
      this.#firstChunk = chunk.index;
      this.#scene = { chunk: chunk.index, at: 0 };
    });
  }

  /** Loads the chunk of the place, then plays or shows it. */
  #load(prepare: (chunk: Chunk) => void): void {
    const loadId = ++this.#loadId;
    this.#chunks.load(chunkIndexOf(this.#placeMs)).then(
      (chunk) => {
        if (loadId !== this.#loadId) return;
        prepare(chunk);
        if (this.#isWanted) this.#run();
        else {
          this.#become('paused');
          this.#advance(this.#scene, this.#placeMs + LEAD_MS * this.#rate, (frame) => this.#giveScene(frame));
        }
      },
      (error: unknown) => {
        if (loadId === this.#loadId) this.#become('failed', error instanceof Error ? error.message : String(error));
      },
    );
  }

  #run(): void {
    clearInterval(this.#timer);
    this.#sinceMs = this.clock.nowMs() + START_MS;
    this.#become('playing');
    this.#placeVoice(this.#placeMs);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  #placeVoice(mediaMs: number): void {
    this.#voiceFromMs = mediaMs - PREROLL_MS;
    const index = chunkIndexOf(this.#voiceFromMs);
    this.#voice = { chunk: this.#chunks.held(index) === undefined ? chunkIndexOf(mediaMs) : index, at: 0 };
  }

  #tick(): void {
    const positionMs = this.positionMs;
    const index = chunkIndexOf(positionMs);
    if (positionMs >= this.durationMs) {
      this.#placeMs = this.durationMs;
      this.#isWanted = false;
      this.#become('ended');
      return;
    }
    if (this.#chunks.held(index) === undefined) {
      this.#placeMs = positionMs;
      this.#become('loading');
      this.#load(() => {});
      return;
    }
    const horizonMs = positionMs + LEAD_MS * this.#rate;
    this.#advance(this.#scene, horizonMs, (frame) => this.#giveScene(frame));
    this.#advance(this.#voice, horizonMs, (frame) => this.#giveVoice(frame));
    const chunksLeft = Math.ceil(this.durationMs / CHUNK_MS) - index;
    this.#chunks.loadAhead(index, Math.min(chunksLeft, 1 + Math.ceil((AHEAD_MS * Math.max(1, this.#rate)) / CHUNK_MS)));
  }

  /** Gives the frames from the cursor up to the horizon, as far as they are held. */
  #advance(cursor: Cursor, horizonMs: number, give: (frame: StoredFrame) => void): void {
    for (;;) {
      const chunk = this.#chunks.held(cursor.chunk);
      if (chunk === undefined) return;
      const frame = chunk.frames[cursor.at];
      if (frame === undefined) {
        if (chunk.fromMs + CHUNK_MS > horizonMs) return;
        cursor.chunk++;
        cursor.at = 0;
        continue;
      }
      const captureMs = frame.header.captureUs / 1000;
      if (captureMs > horizonMs) return;
      cursor.at++;
      // A cursor from the previous chunk has already given the frames that this chunk repeats.
      if (captureMs >= chunk.fromMs || chunk.index === this.#firstChunk) give(frame);
    }
  }

  #giveScene(frame: StoredFrame): void {
    const { kind, captureUs } = frame.header;
    if (kind !== Kind.AUDIO && (kind !== Kind.EVENT || captureUs >= this.#placeMs * 1000)) this.#give(frame);
  }

  #giveVoice(frame: StoredFrame): void {
    if (frame.header.kind === Kind.AUDIO && frame.header.captureUs >= this.#voiceFromMs * 1000) this.#give(frame);
  }

  #give({ bytes, header }: StoredFrame): void {
    try {
      const content = readFrameContent(header, framePayload(bytes, header), this.#motion);
      if (typeof content === 'string') return;
      if (content.name === 'header') {
        if (this.#header !== undefined && this.#header.sequence > header.sequence) return;
        this.#header = { content: content.detail.header, sequence: header.sequence };
      }
      this.emit(content.name, content.detail);
    } catch {
      this.#malformed++;
    }
  }
}
