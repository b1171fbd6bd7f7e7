// A world that a seed makes: the numbers of servers, broadcasters and viewers, their properties,
// and the faults.
import { conclude } from './conclude.ts';
import { conducts } from './conduct.ts';
import { healAll, layFaults } from './fault.ts';
import { World } from './world.ts';

/** The figures of a run. */
interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly frames: number;
  readonly slowestMs: number;
}

/**
 * Suspicion, a message sent elsewhere, a request and its answer, each over a slow line, and a pause
 * of each process.
 */
const SLOWEST_MS_MAX = 450;
const SLOW_LINES = [
  { delayMs: 80, bytesPerMs: 20, kernelBytes: 65_536 },
  { delayMs: 40, bytesPerMs: 9, kernelBytes: 16_384 },
  { delayMs: 15, bytesPerMs: 1_000, kernelBytes: 4_096 },
];

/** Runs one world from beginning to end. Throws at the first breach, with the seed. */
export async function runRandomWorld(seed: number): Promise<RunResult> {
  const draw = new World({ seed }).random;
  const severity = draw.chance(0.6) ? 'covered' : 'any';
  const placement = draw.pick(['spray', 'spray', 'spray', 'hash', 'mirror:2']);
  const world = new World({
    seed,
    shards: draw.integer(2, 4),
    streamers: draw.integer(1, 3),
    listeners: draw.integer(1, 3),
    flags: [
      ...['--linger-ms', '500', '--shard-resolve-ms', '1000', '--return-window-ms', '3000', '--placement', placement],
      ...['--handshake-timeout-ms', '1000', '--idle-timeout-ms', '8000'],
    ],
  });
  world.trace(
    `${severity} ${placement}, ${world.redis.length} Redis, ${world.streamers.length} streamers, ${world.listeners.length} listeners`,
  );
  await world.start();
  const streams = Array.from({ length: draw.integer(1, 2) }, (_, i) => `stream${i}`);
  for (const stream of streams) world.in(draw.between(0, 800), () => world.broadcast(stream));
  for (let i = draw.integer(2, 6); i > 0; i--) {
    const stream = draw.pick(streams);
    const slow = draw.chance(0.25) ? { line: draw.pick(SLOW_LINES), receiptDelayMs: draw.between(0, 1_500), isSlow: true } : {};
    world.in(draw.between(0, 2_500), () => world.watch(stream, slow));
  }
  for (let i = draw.integer(0, 3); i > 0; i--) {
    const conduct = draw.pick(conducts);
    world.in(draw.between(0, 5_000), () => world.misbehave(conduct));
  }
  await world.run(2_600);
  const durationMs = draw.between(1_000, 4_000);
  layFaults(world, { severity, count: draw.integer(1, 14), durationMs });
  await world.run(durationMs);
  healAll(world);
  await world.run(draw.between(0, 3_000));
  // With `hash` a stream has one way, and a process that is cut off from it does not notice which
  // frames it misses.
  const hasManyWays = placement !== 'hash';
  const isUnbroken = world.broadcasters.every(({ resumes }) => resumes === 0);
  await conclude(world, {
    nothingLost: severity === 'covered' && hasManyWays,
    isUnbroken,
    ...(severity === 'covered' && hasManyWays ? { slowestMsMax: SLOWEST_MS_MAX } : {}),
  });
  return {
    seed,
    events: world.time.events,
    frames: world.viewers.reduce((sum, { frames }) => sum + frames, 0),
    slowestMs: world.slowestMs,
  };
}
