// The demo's whole installation: three Redis, a streamer, listeners in two processes, a looping
// broadcast of the demo clip, and an audience. Actions in, snapshots out. It ends every process
// that it starts.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Grants } from '../../packages/server/src/auth/grant.ts';
import { signToken } from '../../packages/server/src/auth/sign-token.ts';
import type { ChaosAction, Impact, SceneAddress, ShardAction, Snapshot } from '../../packages/web/src/scale/scene.ts';
import type { AudienceReport } from './audience-report.ts';
import { HayateProcess } from './hayate-process.ts';
import { Metrics } from './metric.ts';
import { Rate } from './rate.ts';
import { DemoRedis } from './redis.ts';

const STREAM = 'demo';
const SHARDS = 3;
const WORKERS = 2;
const POLL_MS = 250;
const ACTIONS_MAX = 6;
/** Longer than any demo runs. */
const TOKEN_SECONDS = 30 * 86_400;

const clip = fileURLToPath(new URL('../../packages/server/demo/hello.ogg', import.meta.url));
const audienceProgram = fileURLToPath(new URL('./audience.ts', import.meta.url));

interface SceneOptions {
  /** Path of redis-server or valkey-server. */
  readonly redisProgram: string;
  readonly viewers: number;
}

const noImpact: Impact = { lost: 0, repaired: 0, republished: 0, longestGapMs: 0 };
const noReport: AudienceReport = { hasBegun: false, connected: 0, received: 0, lost: 0, bytes: 0, longestGapMs: 0, markedGapMs: 0 };

/** The demo's running installation. */
export class Scene {
  readonly address: SceneAddress;
  /** Rejects when a part that should run has ended by itself. */
  readonly broken: Promise<never>;
  readonly #options: SceneOptions;
  readonly #redis: readonly DemoRedis[];
  readonly #internal: { streamer: string; listeners: string };
  readonly #audience: ReturnType<typeof fork>;
  readonly #shardRates: readonly Rate[];
  readonly #byteRate = new Rate();
  readonly #stop: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #report = noReport;
  #counted = noImpact;
  /** The counts at the moment when the audience was complete. */
  #atBegin: Impact | undefined;
  #begunUnixMs: number | null = null;
  #atAction = noImpact;
  #publishes: number[] = [];
  #actions: ChaosAction[] = [];
  #snapshot: Snapshot | undefined;
  #listeners = 0;
  #isUsed: boolean[] = [];
  #republished: number[] = [];

  private constructor(parts: {
    options: SceneOptions;
    address: SceneAddress;
    redis: readonly DemoRedis[];
    internal: { streamer: string; listeners: string };
    broken: Promise<never>;
    stop: () => Promise<void>;
  }) {
    const { options, address, redis, internal, broken, stop } = parts;
    this.#options = options;
    this.address = address;
    this.#redis = redis;
    this.#internal = internal;
    this.#shardRates = redis.map(() => new Rate());
    this.#stop = stop;
    const { server, stream, token } = address;
    this.#audience = fork(audienceProgram, [JSON.stringify({ server, stream, token }), String(options.viewers)], { detached: true });
    const audienceEnded = new Promise<never>((_, reject) => {
      this.#audience.on('exit', () => reject(new Error('the audience has ended')));
    });
    this.broken = Promise.race([broken, audienceEnded]);
    this.broken.catch(() => undefined);
    this.#audience.on('message', (report: AudienceReport) => {
      this.#report = report;
      if (report.hasBegun) this.#begunUnixMs ??= Date.now();
      this.#byteRate.read(report.bytes, performance.now());
    });
    let isReading = false;
    this.#timer = setInterval(() => {
      if (isReading) return;
      isReading = true;
      // A process that does not answer in time is read at the next poll.
      void this.#read()
        .catch(() => undefined)
        .finally(() => {
          isReading = false;
        });
    }, POLL_MS);
  }

  /**
   * Starts everything in the order of dependence. If a part fails to start, the others are stopped.
   */
  static async start(options: SceneOptions): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'hayate-demo-'));
    const redis: DemoRedis[] = [];
    const processes: HayateProcess[] = [];
    const stop = async () => {
      // The broadcast ends first, then the servers, then Redis.
      for (const part of processes.toReversed()) await part.stop('SIGTERM');
      await Promise.all(redis.map((one) => one.stop()));
      rmSync(folder, { recursive: true, force: true });
    };
    const secret = randomBytes(32).toString('hex');
    const tokenFor = async (grants: Partial<Grants>) =>
      (
        await signToken(
          { subject: 'demo', grants: { publish: [], watch: [], room: [], moderate: [], ...grants }, ttlSeconds: TOKEN_SECONDS },
          Buffer.from(secret),
        )
      ).token;
    const token = await tokenFor({ publish: [STREAM] });
    const run = (env: Readonly<Record<string, string>>, ...args: string[]) => {
      const started = new HayateProcess(args, env);
      processes.push(started);
      return started;
    };
    try {
      for (let i = 0; i < SHARDS; i++) redis.push(await DemoRedis.start({ program: options.redisProgram, folder }));
      const shards = redis.map(({ address }) => `redis://${address}`).join(',');
      const common = ['--port', '0', '--internal-port', '0', '--data', join(folder, 'data'), '--shards', shards, '--log-level', 'warn'];
      const serverEnv = { HAYATE_JWT_SECRET: secret };
      const streamer = run(serverEnv, 'serve', '--roles', 'streamer', ...common);
      const streamerUrl = await streamer.untilLine(/^listening on (http\S+)/);
      const listeners = run(serverEnv, 'serve', '--roles', 'listener', '--workers', String(WORKERS), ...common);
      const server = await listeners.untilLine(/^listening on (http\S+)/);
      const internal = {
        streamer: await streamer.untilLine(/^internal port: (http\S+)/),
        listeners: await listeners.untilLine(/^internal port: (http\S+)/),
      };
      run({ HAYATE_TOKEN: token }, 'broadcast', clip, '--stream', STREAM, '--title', 'Pull the plug', '--loop', '--server', streamerUrl);
      const broken = Promise.race(
        processes.map(async (part) => {
          await part.exit;
          throw new Error(part.lastError || 'a part of the demo has ended');
        }),
      );
      broken.catch(() => undefined);
      const address = { stream: STREAM, server, token: await tokenFor({ watch: [STREAM] }) };
      return new Scene({ options, address, redis, internal, broken, stop });
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /** The latest snapshot; undefined before the first. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /**
   * Applies an action to Redis `number` (from 1) and starts to measure its effect. False if the
   * current state does not allow it.
   */
  async act(number: number, action: ShardAction): Promise<boolean> {
    const redis = this.#redis[number - 1];
    if (redis === undefined) return false;
    const before = this.#counted;
    const atUnixMs = Date.now();
    if (!(await redis.act(action))) return false;
    if (this.#audience.connected) this.#audience.send('mark', () => undefined);
    this.#atAction = before;
    this.#actions = [{ id: (this.#actions[0]?.id ?? 0) + 1, atUnixMs, action, shard: number, ...noImpact }, ...this.#actions].slice(
      0,
      ACTIONS_MAX,
    );
    return true;
  }

  /** Ends everything that was started. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#audience.kill('SIGKILL');
    await this.#stop();
  }

  async #read(): Promise<void> {
    const [streamer, listeners] = await Promise.all([Metrics.of(this.#internal.streamer), Metrics.of(this.#internal.listeners)]);
    const nowMs = performance.now();
    const label = (redis: DemoRedis) => `shard="${redis.address}"`;
    this.#publishes = this.#redis.map((redis) => streamer.sum('hayate_shard_publishes_total', label(redis)));
    for (const [i, count] of this.#publishes.entries()) this.#shardRates[i]?.read(count, nowMs);
    this.#isUsed = this.#redis.map((redis) => streamer.sum('hayate_shard_up', label(redis)) > 0);
    this.#republished = this.#redis.map((redis) => streamer.sum('hayate_shard_republished_total', label(redis)));
    this.#listeners = listeners.sum('hayate_worker_up');
    this.#counted = {
      // An audience that is still connecting has nothing to lose.
      lost: this.#report.hasBegun ? this.#report.lost : 0,
      repaired: streamer.sum('hayate_streamer_repaired_frames_total'),
      republished: streamer.sum('hayate_shard_republished_total'),
      longestGapMs: this.#report.longestGapMs,
    };
    if (this.#report.hasBegun) this.#atBegin ??= { ...this.#counted, lost: 0 };
    const [newest, ...older] = this.#actions;
    if (newest !== undefined)
      this.#actions = [{ ...newest, ...impactSince(this.#atAction, this.#counted, this.#report.markedGapMs) }, ...older];
    this.#snapshot = this.#describe();
  }

  #describe(): Snapshot {
    const { connected, received, lost, bytes, longestGapMs } = this.#report;
    return {
      atUnixMs: Date.now(),
      shards: this.#redis.map((redis, i) => ({
        number: i + 1,
        address: redis.address,
        condition: redis.condition,
        isUsed: this.#isUsed[i] ?? false,
        publishes: this.#publishes[i] ?? 0,
        publishesPerSecond: this.#shardRates[i]?.perSecond ?? 0,
        republished: this.#republished[i] ?? 0,
      })),
      listeners: this.#listeners,
      audience: {
        wanted: this.#options.viewers,
        connected,
        received,
        lost,
        bytes,
        begunUnixMs: this.#begunUnixMs,
        longestGapMs,
        bitsPerSecond: connected === 0 ? 0 : (this.#byteRate.perSecond * 8) / connected,
      },
      total: this.#atBegin === undefined ? noImpact : impactSince(this.#atBegin, this.#counted, longestGapMs),
      actions: this.#actions,
    };
  }
}

function impactSince(before: Impact, now: Impact, longestGapMs: number): Impact {
  return {
    lost: now.lost - before.lost,
    repaired: now.repaired - before.repaired,
    republished: now.republished - before.republished,
    longestGapMs,
  };
}
