// A visit to a past broadcast: its archive record, its Replay, and the Player that shows it. Emits
// `change` when shown data changes. The place on the timeline always moves, so the page reads it in
// its own tick.
import { Emitter, Replay, type ReplayState } from '@hayate/client';
import { Player } from '@hayate/client/browser';
import { moderatorToken, type PastBroadcastDetails, pastBroadcast } from '../api/archive.ts';
import { server } from '../api/server.ts';

interface ReplaySessionOptions {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** False: show received poses only. */
  interpolate: boolean;
  /** Whether to play at once; otherwise a first picture is shown. */
  autoplay: boolean;
}

/** The parts that play a broadcast, once the archive has answered. */
export interface OpenReplay {
  readonly details: PastBroadcastDetails;
  readonly replay: Replay;
  readonly player: Player;
}

/** Replays a broadcast until close(). */
export class ReplaySession extends Emitter<{ change: undefined }> {
  readonly #options: ReplaySessionOptions;
  #opened: OpenReplay | undefined;
  #problem: string | undefined;
  #soundProblem: string | undefined;
  #isClosed = false;

  constructor(options: ReplaySessionOptions) {
    super();
    this.#options = options;
  }

  /**
   * Asks the archive and begins; a failure becomes `problem`. `prepare` is called with the parts
   * before they play.
   */
  open(prepare: (opened: OpenReplay) => void = () => {}): void {
    pastBroadcast(this.#options).then(
      (details) => {
        if (!this.#isClosed) this.#begin(details, prepare);
      },
      (error: unknown) => {
        this.#problem = error instanceof Error ? error.message : String(error);
        this.emit('change', undefined);
      },
    );
  }

  /** Undefined until the archive has answered. */
  get opened(): OpenReplay | undefined {
    return this.#opened;
  }

  get state(): ReplayState {
    return this.#problem === undefined ? (this.#opened?.replay.state ?? 'loading') : 'failed';
  }

  /** Why it cannot be replayed: one sentence. */
  get problem(): string | undefined {
    return this.#problem ?? this.#opened?.replay.reason;
  }

  /** Why there is no sound; the avatar still moves. */
  get soundProblem(): string | undefined {
    return this.#soundProblem;
  }

  /** Plays or pauses. Call it from a tap or key press, so that the browser allows sound. */
  toggle(): void {
    const { replay, player } = this.#opened ?? {};
    if (replay === undefined || player === undefined) return;
    if (replay.isWanted) replay.pause();
    else {
      replay.play();
      if (player.state === 'blocked') player.resume().catch(() => {});
    }
    this.emit('change', undefined);
  }

  /** Seeks `stepMs` forwards, or backwards if negative. */
  step(stepMs: number): void {
    this.seek((this.#opened?.replay.positionMs ?? 0) + stepMs);
  }

  seek(placeMs: number): void {
    this.#opened?.replay.seek(placeMs);
    this.emit('change', undefined);
  }

  /** 0.5 to 4. */
  set rate(rate: number) {
    if (this.#opened !== undefined) this.#opened.replay.rate = rate;
    this.emit('change', undefined);
  }

  /** Tries again after a failure. */
  retry(): void {
    this.#opened?.replay.seek(this.#opened.replay.positionMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#opened?.player.close();
    this.#opened?.replay.close();
  }

  #begin(details: PastBroadcastDetails, prepare: (opened: OpenReplay) => void): void {
    const { stream, epoch, durationMs } = details;
    const replay = new Replay({ server, stream, epoch, durationMs, token: moderatorToken });
    const player = new Player(replay, { interpolate: this.#options.interpolate });
    this.#opened = { details, replay, player };
    const changed = () => this.emit('change', undefined);
    replay.on('state', changed);
    replay.on('header', changed);
    player.on('state', changed);
    player.on('error', ({ message }) => {
      this.#soundProblem = message;
      changed();
    });
    prepare(this.#opened);
    replay.seek(0);
    if (this.#options.autoplay) replay.play();
    changed();
  }
}
