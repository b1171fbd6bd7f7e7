// A broadcast through a cluster: an SDK broadcaster that sends a fixed number of frames at its
// usual pace, SDK viewers that reconnect by themselves, and peers that follow the wire format
// literally on one connection each. At the end every account must balance: received + counted =
// sent.
import { strict as assert } from 'node:assert';
import { Broadcaster, createPose, Viewer } from '@hayate/client';
import { PATHS, peekFrame, type ServerMessage } from '@hayate/protocol';
import { ViewerAccount } from '../simulation/viewer-account.ts';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { connectPeer } from '../support/wire-peer.ts';
import type { ClusterProcess, LiveCluster } from './live-cluster.ts';

const STREAM = 'chaos';
const PACE_MS = 10;
/** 20 ms of silence: one CELT frame. */
const PACKET = Uint8Array.of(0xf8, 0xff, 0xfe);
const PACKET_SAMPLES = 960;
const SHOW_MS_MAX = 60_000;

/** A wire-level viewer of one listener. */
interface WireViewer {
  readonly messages: readonly ServerMessage[];
  account: ViewerAccount | undefined;
}

/** A running broadcast. */
export class LiveShow {
  readonly viewers: Viewer[] = [];
  readonly #cluster: LiveCluster;
  readonly #broadcaster: Broadcaster;
  readonly #wireViewers: WireViewer[] = [];
  readonly #breaches: string[] = [];
  readonly #gaps: string[] = [];
  #ended: { nextSequence: number } | undefined;
  #isEnding = false;
  #ticks = 0;
  /** Size of each event that is sent, in bytes. */
  eventBytes = 10;

  private constructor(cluster: LiveCluster, token: string) {
    this.#cluster = cluster;
    const audio = { channels: 1, preSkip: 312, inputSampleRate: 48_000 };
    this.#broadcaster = new Broadcaster({ server: cluster.publishDoor.url, stream: STREAM, token, title: 'Chaos', audio });
    this.#broadcaster.on('ended', (ended) => {
      this.#ended = ended;
    });
    cleanUp(cluster.t, () => this.#broadcaster.close());
  }

  /** Viewers connect before the broadcast begins, so each of them must get all of it. */
  static async begin(cluster: LiveCluster, { viewers = 4 } = {}): Promise<LiveShow> {
    const token = await cluster.token();
    const show = new LiveShow(cluster, token);
    for (let i = 0; i < viewers; i++) {
      const viewer = new Viewer({ server: cluster.watchDoor.url, stream: STREAM, token });
      cleanUp(cluster.t, () => viewer.close());
      viewer.on('gap', ({ first, last, reason }) => show.#gaps.push(`${i}: ${reason} ${first}-${last} of ${show.sent}`));
      show.viewers.push(viewer);
    }
    await Promise.all(show.viewers.map((viewer) => viewer.connect()));
    for (const listener of cluster.listeners) await show.#follow(listener, token);
    await show.#broadcaster.start();
    const timer = setInterval(() => show.#send(), PACE_MS);
    cleanUp(cluster.t, () => clearInterval(timer));
    return show;
  }

  /** Frames that have a sequence. */
  get sent(): number {
    return this.#broadcaster.stats.nextSequence;
  }

  /** Waits until `frames` frames have been sent in total. */
  async untilSent(frames: number): Promise<void> {
    await poll(`${frames} frames sent`, () => this.sent >= frames, { timeoutMs: SHOW_MS_MAX });
  }

  /** Waits for a condition while the show continues. */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<boolean> {
    return poll(what, condition, { timeoutMs: SHOW_MS_MAX });
  }

  /** Waits until every SDK viewer has each frame sent so far, or knows that it lacks it. */
  async untilCaughtUp(): Promise<void> {
    const { sent } = this;
    await this.until('viewers to catch up', () => this.viewers.every((viewer) => receivedBy(viewer) + viewer.missingFrames >= sent));
  }

  /**
   * Ends the broadcast, and waits until all viewers have been told. Returns the number of frames.
   */
  async end(): Promise<number> {
    const ended = this.viewers.map((viewer) => new Promise<void>((resolve) => viewer.on('ended', () => resolve())));
    this.#isEnding = true;
    await this.#broadcaster.end();
    await Promise.all(ended);
    await this.until('the end at wire viewers', () =>
      this.#wireViewers.every(({ account }) => account === undefined || account.endsAt !== undefined),
    );
    const total = this.#ended?.nextSequence ?? 0;
    assert.equal(total, this.sent);
    return total;
  }

  /**
   * Checks received + counted = sent for every viewer. `mayLose`: whether frames may be among the
   * counted. Returns the largest number of frames that one viewer missed.
   */
  async settle(total: number, { mayLose }: { mayLose: boolean }): Promise<number> {
    const books = () => this.viewers.map((viewer) => receivedBy(viewer) + viewer.missingFrames);
    await poll(`${total} frames received or counted by each`, () => {
      // If it never becomes true, the reason of the last attempt is shown.
      assert.ok(
        books().every((sum) => sum === total),
        JSON.stringify(this.viewers.map(({ stats }) => stats)),
      );
      return true;
    });
    assert.deepEqual(this.#breaches, []);
    for (const { stats } of this.viewers) {
      assert.equal(stats.malformed, 0);
      assert.equal(stats.deltasWithoutKey + stats.missing.slow + stats.missing.expired, 0, JSON.stringify(stats));
      if (!mayLose) assert.equal(stats.missing.lost, 0, `${JSON.stringify(stats)}; gaps ${this.#gaps.join(' ')}`);
    }
    for (const { account } of this.#wireViewers) {
      if (account === undefined) continue;
      assert.equal(account.unexplained().size, 0);
      if (!mayLose) assert.deepEqual(account.missing.lost.ranges, []);
    }
    return Math.max(...this.viewers.map((viewer) => viewer.missingFrames));
  }

  /** Checks offered = sent + dropped at every running listener. */
  async assertBalanced(): Promise<void> {
    for (const viewer of this.viewers) viewer.close();
    for (const listener of this.#cluster.listeners) {
      await this.until('the last frames to be settled', async () => {
        const offered = await listener.metric('hayate_listener_viewer_frames_total');
        const sent = await listener.metric('hayate_listener_viewer_frames_sent_total');
        return offered === sent + (await listener.metric('hayate_listener_viewer_frames_dropped_total'));
      });
    }
  }

  #send(): void {
    const tick = this.#ticks++;
    if (this.#isEnding || this.#broadcaster.epoch === undefined) return;
    if (tick % 2 === 0) this.#broadcaster.sendAudio({ packets: [PACKET], position: (tick / 2) * PACKET_SAMPLES });
    else if (tick % 25 === 1 && this.#broadcaster.state === 'live')
      this.#broadcaster.sendEvent({ case: 'custom', value: { type: 'chaos', data: new Uint8Array(this.eventBytes).fill(97) } });
    else this.#broadcaster.sendMotion(createPose());
  }

  /** Runs a literal wire-level viewer of one listener while the listener lives. */
  async #follow(listener: ClusterProcess, token: string): Promise<void> {
    const peer = await connectPeer(this.#cluster.t, listener.url, PATHS.watch);
    peer.send({ watch: { stream: STREAM, token } });
    await peer.until('Watching', ({ watching }) => watching);
    const viewer: WireViewer = { messages: peer.received, account: undefined };
    this.#wireViewers.push(viewer);
    let read = 0;
    let epoch = 0n;
    const timer = setInterval(() => {
      for (const message of peer.received.slice(read)) {
        if (message.watching !== undefined && message.watching.epoch !== 0n) {
          epoch = message.watching.epoch;
          if (viewer.account === undefined)
            viewer.account = new ViewerAccount(Number(message.watching.nextSequence), (what) => this.#breaches.push(what));
          else viewer.account.watching(Number(message.watching.nextSequence), undefined);
        }
        for (const { first, last, reason } of message.gaps) viewer.account?.gap(Number(first), Number(last), reason);
        for (const frame of message.frames) viewer.account?.frame(peekFrame(frame).sequence);
        if (message.goAway !== undefined) peer.close();
        if (message.ended !== undefined) viewer.account?.ended(Number(message.ended.nextSequence));
      }
      const isNew = peer.received.length > read;
      read = peer.received.length;
      if (peer.closedWith() !== undefined) {
        // Its listener is gone. A viewer that reconnects is a different viewer here.
        viewer.account = undefined;
        clearInterval(timer);
      } else if (isNew && viewer.account !== undefined && viewer.account.newest >= 0)
        peer.send({ receipt: { epoch, sequence: BigInt(viewer.account.newest) } });
    }, 50);
    cleanUp(this.#cluster.t, () => clearInterval(timer));
  }
}

/** Number of distinct frames that a viewer received. */
function receivedBy({ stats }: Viewer): number {
  const { header, audio, motion, event, custom } = stats.frames;
  return header + audio + motion + event + custom + stats.deltasWithoutKey;
}
