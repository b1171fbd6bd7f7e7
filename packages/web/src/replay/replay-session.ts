// A visit to a past broadcast: what the archive knows of it, its Replay and the Player that shows it. Emits `change` when something
// that is shown changed at once; the place on the timeline always moves and is read by the page's own tick.
import { Emitter, Replay, type ReplayState } from '@hayate/client';
import { Player } from '@hayate/client/browser';
import { moderatorToken, type PastBroadcastDetails, pastBroadcast } from '../api/archive.ts';
import { server } from '../api/server.ts';

export interface ReplaySessionOptions {
  stream: string;
  /** 16 hex digits. */
  epoch: string;
  /** False: show poses as they came. */
  interpolate: boolean;
  /** Whether to play at once; else a first picture is shown. */
  autoplay: boolean;
}

/** What plays, once the archive has said what there is. */
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

  /** Asks the archive and begins; a failure shows as `problem`. `prepare` is called with what is going to play. */
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

  /** undefined until the archive has answered. */
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

  /** Why there is no sound; the avatar moves all the same. */
  get soundProblem(): string | undefined {
    return this.#soundProblem;
  }

  /** Plays or pauses; called from a tap or key, so that the browser lets the voice out. */
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

  /** Goes `stepMs` on or back. */
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
