// Estimates the uplink's capacity from the WebSocket, so that resends use at most half of it. While
// bytes stay in the socket, the rate at which they leave it is the capacity. While the socket is
// empty at every reading, the uplink carries at least the bytes sent, and each reading with resends
// raises the estimate by a quarter, up to the server's limit.
import { RateMeter } from '../rate-meter.ts';

/** More bytes than this in the socket are congestion: about a quarter second of a stream. */
const BUFFERED_BYTES_MAX = 8_192;
/**
 * An answer that is later than the shortest round trip by this much means that bytes wait where the
 * socket does not show them.
 */
const DELAY_MAX_MS = 400;
const READING_INTERVAL_MS = 250;
const FIRST_ESTIMATE_BITS = 256_000;
const ESTIMATE_BITS_MIN = 32_000;
/** While answers are late, each reading leaves this share: a quarter after a second. */
const LATE_SHARE = 0.7;
/** Growth at a reading with resends that left the socket empty. */
const GROWTH = 1.25;
/** Weight of the latest reading of a socket that does not run empty. */
const LATEST_WEIGHT = 0.5;
/** Resends get this share of the estimate; the rest is for new frames. */
const RESEND_SHARE = 0.5;
/** The longest burst of resends. */
const BURST_MS = 500;
/** New and resent frames together stay below this share of the server's limits. */
const LIMIT_SHARE = 0.9;
/** The limit if the server sets none for frames: more than any uplink carries. */
const FRAMES_PER_SECOND_MAX = 1_000_000;

/** A reading of the socket. */
export interface SocketReading {
  bufferedBytes: number;
  /** How long the oldest ping has waited. */
  unansweredMs: number;
  shortestRoundTripMs: number | undefined;
}

/** Estimates the uplink and grants resends their share. */
export class Uplink {
  readonly #meter = new RateMeter();
  /** Counts frames instead of bytes. */
  readonly #frameMeter = new RateMeter();
  #limitBits = Number.POSITIVE_INFINITY;
  #limitFrames = Number.POSITIVE_INFINITY;
  #estimateBits = FIRST_ESTIMATE_BITS;
  #sentBytes = 0;
  #resentBytes = 0;
  #last: { atMs: number; bufferedBytes: number; sentBytes: number; resentBytes: number } | undefined;
  #budgetBytes = 0;
  #budgetFrames = 0;
  #budgetMs = 0;

  /** The server's limit, bits a second. */
  set limitBitsPerSecond(bits: number) {
    this.#limitBits = bits > 0 ? bits : Number.POSITIVE_INFINITY;
  }

  /** The server's limit, frames a second. */
  set limitFramesPerSecond(frames: number) {
    this.#limitFrames = frames > 0 ? frames : Number.POSITIVE_INFINITY;
  }

  get estimateBitsPerSecond(): number {
    return Math.min(this.#estimateBits, this.#limitBits);
  }

  /** Written over the last two seconds. */
  bitsPerSecond(nowMs: number): number {
    return this.#meter.bitsPerSecond(nowMs);
  }

  /** A new connection has started, and nothing waits in it. The estimate of the uplink stays. */
  reset(nowMs: number): void {
    this.#last = undefined;
    this.#budgetBytes = 0;
    this.#budgetFrames = 0;
    this.#budgetMs = nowMs;
  }

  /**
   * Whether voice should be held back and poses skipped: bytes wait in the socket, or answers come
   * late.
   */
  congested(reading: SocketReading): boolean {
    return reading.bufferedBytes > BUFFERED_BYTES_MAX || this.#delayed(reading);
  }

  /** A message of `bytes` with `frames` frames was written. */
  sent(bytes: number, frames: number, nowMs: number): void {
    this.#meter.add(bytes, nowMs);
    this.#frameMeter.add(frames, nowMs);
    this.#sentBytes += bytes;
  }

  /** Counts the bytes and frames that were written again. */
  resent(bytes: number, frames: number): void {
    this.#resentBytes += bytes;
    this.#budgetBytes -= bytes;
    this.#budgetFrames -= frames;
  }

  /**
   * Whether frames may be resent now. One message may exceed the budget; later ones wait until the
   * debt is paid.
   */
  get mayResend(): boolean {
    return this.#budgetBytes > 0 && this.#budgetFrames > 0;
  }

  /**
   * Takes a reading of the socket, and adds the spare capacity of the uplink and of the server's
   * limits to the budget of resends.
   */
  observe(reading: SocketReading, nowMs: number): void {
    this.#updateEstimate(reading, nowMs);
    const elapsedMs = nowMs - this.#budgetMs;
    this.#budgetMs = nowMs;
    const spareBits = this.#limitBits * LIMIT_SHARE - this.#meter.bitsPerSecond(nowMs);
    const bytesPerMs = Math.max(0, Math.min(this.estimateBitsPerSecond * RESEND_SHARE, spareBits)) / 8_000;
    this.#budgetBytes = Math.min(this.#budgetBytes + elapsedMs * bytesPerMs, BURST_MS * bytesPerMs);
    const spareFrames = this.#limitFrames * LIMIT_SHARE - this.#frameMeter.perSecond(nowMs);
    const framesPerMs = Math.max(0, Math.min(spareFrames, FRAMES_PER_SECOND_MAX)) / 1_000;
    this.#budgetFrames = Math.min(this.#budgetFrames + elapsedMs * framesPerMs, BURST_MS * framesPerMs);
  }

  #updateEstimate(reading: SocketReading, nowMs: number): void {
    const before = this.#last;
    const elapsedMs = before === undefined ? 0 : nowMs - before.atMs;
    if (before !== undefined && elapsedMs < READING_INTERVAL_MS) return;
    const now = { atMs: nowMs, bufferedBytes: reading.bufferedBytes, sentBytes: this.#sentBytes, resentBytes: this.#resentBytes };
    this.#last = now;
    if (before === undefined) return;
    const drainedBits = ((now.sentBytes - before.sentBytes - (now.bufferedBytes - before.bufferedBytes)) * 8_000) / elapsedMs;
    if (this.#delayed(reading)) this.#estimateBits *= LATE_SHARE;
    else if (now.bufferedBytes > 0 && before.bufferedBytes > 0) this.#estimateBits += LATEST_WEIGHT * (drainedBits - this.#estimateBits);
    else {
      const tried = now.resentBytes > before.resentBytes;
      this.#estimateBits = Math.max(tried ? this.#estimateBits * GROWTH : this.#estimateBits, drainedBits);
    }
    this.#estimateBits = Math.min(Math.max(this.#estimateBits, ESTIMATE_BITS_MIN), this.#limitBits);
  }

  #delayed({ unansweredMs, shortestRoundTripMs }: SocketReading): boolean {
    return unansweredMs > (shortestRoundTripMs ?? 0) + DELAY_MAX_MS;
  }
}
