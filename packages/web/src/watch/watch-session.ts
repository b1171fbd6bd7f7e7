// One visit to one stream: a Viewer, its Player, and the data that the page shows. Emits `change`
// when shown data changes. Numbers that always move are in `readout`, which the page reads in its
// own tick.
import { Emitter, Viewer } from '@hayate/client';
import { Player } from '@hayate/client/browser';
import { server as ownServer, token as ownToken } from '../api/server.ts';
import { type WatchPhase, watchPhase } from './watch-phase.ts';

export interface WatchSessionOptions {
  stream: string;
  /** The server and token to use; default: this page's own server. */
  elsewhere?: { readonly server: string; readonly token: string } | undefined;
  /** False: show received poses only. */
  interpolate: boolean;
}

/** The data of the page's readouts. */
interface WatchReadout {
  /** Capture to ear while the voice plays, otherwise capture to arrival; milliseconds. */
  latencyMs: number | undefined;
  errorMs: number | undefined;
  isHeard: boolean;
  bitsPerSecond: number;
  lost: number;
  received: number;
  viewers: number;
}

/** Watches a stream until close(). */
export class WatchSession extends Emitter<{ change: undefined }> {
  readonly viewer: Viewer;
  readonly player: Player;
  readonly #token: () => Promise<string>;
  #hasEnded = false;
  #hasFailed = false;
  #soundKnown = false;
  #problem: string | undefined;
  #soundProblem: string | undefined;

  constructor({ stream, elsewhere, interpolate }: WatchSessionOptions) {
    super();
    this.#token = async () => elsewhere?.token ?? ownToken({ watch: [stream] });
    this.viewer = new Viewer({ server: elsewhere?.server ?? ownServer, stream, token: this.#token });
    this.player = new Player(this.viewer, { interpolate });
    const changed = () => this.emit('change', undefined);
    this.viewer.on('state', ({ state, reason }) => {
      this.#problem = state === 'failed' || state === 'reconnecting' ? reason : undefined;
      changed();
    });
    this.viewer.on('epoch', changed);
    this.viewer.on('header', changed);
    this.viewer.on('audience', changed);
    this.viewer.on('ended', () => {
      this.#hasEnded = true;
      changed();
    });
    this.player.on('state', () => {
      this.#soundKnown = true;
      changed();
    });
    this.player.on('error', ({ message }) => {
      this.#soundProblem = message;
      changed();
    });
  }

  /** Connects; a failure shows as phase 'failed' and its sentence as `problem`. */
  open(): void {
    this.#connect().catch((error: unknown) => {
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#hasFailed = true;
      this.emit('change', undefined);
    });
  }

  get phase(): WatchPhase {
    return watchPhase(this.#hasFailed ? 'failed' : this.viewer.state, this.viewer.epoch !== undefined, this.#hasEnded);
  }

  /** Why the connection is lost or refused: one sentence. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Why there is no sound; the avatar still moves. */
  get soundProblem(): string | undefined {
    return this.#soundProblem;
  }

  /** Whether the browser waits for a tap before it plays the voice. */
  get isBlocked(): boolean {
    return this.#soundKnown && this.#soundProblem === undefined && this.player.state === 'blocked';
  }

  get title(): string {
    return this.viewer.header?.title ?? '';
  }

  get readout(): WatchReadout {
    const { frames, missing, latency, bitsPerSecond, viewers } = this.viewer.stats;
    const heard = this.player.stats.latency;
    return {
      latencyMs: heard?.p50Ms ?? latency?.ms,
      errorMs: heard?.errorMs ?? latency?.errorMs,
      isHeard: heard !== undefined,
      bitsPerSecond,
      lost: missing.lost + missing.slow,
      received: frames.header + frames.audio + frames.motion + frames.event + frames.custom,
      viewers,
    };
  }

  close(): void {
    this.player.close();
    this.viewer.close();
  }

  /** Requests the token first, because a refused token must not lead to long retries. */
  async #connect(): Promise<void> {
    await this.#token();
    await this.viewer.connect();
  }
}
