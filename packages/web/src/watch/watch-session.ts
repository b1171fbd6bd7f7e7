// One visit to one stream: a Viewer and its Player, and what the page shows of them. Emits `change` when something that is
// shown changed at once; numbers that always move are read from `readout` by the page's own tick.
import { Emitter, Viewer } from '@hayate/client';
import { Player } from '@hayate/client/browser';
import { server as ownServer, token as ownToken } from '../api/server.ts';
import { type WatchPhase, watchPhase } from './watch-phase.ts';

export interface WatchSessionOptions {
  stream: string;
  /** Where it is watched, and the token for it; by default this page's own server. */
  elsewhere?: { readonly server: string; readonly token: string } | undefined;
  /** False: show poses as they came. */
  interpolate: boolean;
}

/** What the page's readouts show. */
export interface WatchReadout {
  /** Capture to ear where the voice plays, else capture to arrival; milliseconds. */
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

  /** Why there is no sound; the avatar moves all the same. */
  get soundProblem(): string | undefined {
    return this.#soundProblem;
  }

  /** Whether the browser wants a tap before it lets the voice out. */
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

  /** A token that is refused is no reason to try for long: it is asked for first. */
  async #connect(): Promise<void> {
    await this.#token();
    await this.viewer.connect();
  }
}
