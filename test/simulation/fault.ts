// Faults in a world that a seed makes. In: a world and a severity. Out: faults spread over its
// life; the trace shows when each begins and ends. When only covered faults occur, the first Redis
// stays well: every frame has a way, and none may be lost.
import type { SimulatedRedis } from './simulated-redis.ts';
import type { World } from './world.ts';

/**
 * 'covered': nothing may be lost. 'any': frames may be lost, but never silently, and never doubled
 * or out of order.
 */
type Severity = 'covered' | 'any';

/** The longest process pause that counts as covered, milliseconds. */
const PAUSE_MS_MAX = 120;

type Fault = (world: World) => void;

const during = (world: World, what: string, durationMs: number, end: () => void): void => {
  world.trace(`${what} for ${durationMs.toFixed(0)} ms`);
  world.in(durationMs, () => {
    world.trace(`${what}: over`);
    end();
  });
};

/** Any except the first, which stays well. */
const someRedis = (world: World): SimulatedRedis => world.random.pick(world.redis.slice(1));
/** Usually a listener, where faults are most visible. */
const someNode = (world: World) => {
  const usable = (world.random.chance(0.6) ? world.listeners : world.nodes).filter((node) => node.usable);
  return usable.length === 0 ? world.directory : world.random.pick(usable);
};

const kill: Fault = (world) => {
  const redis = someRedis(world);
  if (redis.state !== 'up') return;
  redis.kill(world.random.pick(['reset', 'silent']), world.random.pick(['lost', 'arrives']));
  during(world, `${redis.name} ${redis.state}`, world.random.between(50, 3_000), () => redis.restart());
};

const hang: Fault = (world) => {
  const redis = someRedis(world);
  if (redis.state !== 'up') return;
  redis.hang();
  during(world, `${redis.name} hangs`, world.random.between(20, 3_000), () => redis.resume());
};

const partition: Fault = (world) => {
  const [redis, node] = [someRedis(world), someNode(world)];
  const direction = world.random.pick(['toServer', 'toClient', 'both'] as const);
  const path = world.path(node.name, redis);
  path.block(direction);
  during(world, `${node.name} and ${redis.name} apart (${direction})`, world.random.between(20, 3_000), () => path.heal());
};

const cutSubscriber: Fault = (world) => {
  const [redis, node] = [someRedis(world), someNode(world)];
  world.trace(`${redis.name} cuts off ${node.name}`);
  redis.cutSubscriber(node.name);
};

const loseMessages: Fault = (world) => {
  const [redis, node] = [someRedis(world), someNode(world)];
  const path = world.path(node.name, redis);
  path.lossShare = world.random.between(0.05, 1);
  during(world, `${redis.name} to ${node.name} loses ${path.lossShare.toFixed(2)}`, world.random.between(50, 1_000), () => {
    path.lossShare = 0;
  });
};

const slowPath: Fault = (world) => {
  const [redis, node] = [someRedis(world), someNode(world)];
  const path = world.path(node.name, redis);
  const { delay } = path;
  path.delay = { delayMs: world.random.between(1, 25), jitterMs: world.random.between(0, 25) };
  during(world, `${node.name} to ${redis.name} takes ${path.delay.delayMs.toFixed(1)} ms`, world.random.between(200, 2_000), () => {
    path.delay = delay;
  });
};

const addRedis: Fault = (world) => {
  if (world.redis.length > 5) return;
  const redis = world.addRedis();
  const late = world.nodes.filter(() => world.random.chance(0.5));
  for (const { name } of late) world.tell(name, redis, false);
  world.trace(`${redis.name} is new, unknown to ${late.map(({ name }) => name).join(' ')}`);
  world.in(world.random.between(100, 4_000), () => {
    for (const { name } of late) world.tell(name, redis, true);
  });
};

const removeRedis: Fault = (world) => {
  const redis = someRedis(world);
  for (const { name } of world.nodes) world.in(world.random.between(0, 1_000), () => world.tell(name, redis, false));
  world.trace(`DNS no longer names ${redis.name}`);
};

const pauseBriefly: Fault = (world) => {
  const node = someNode(world);
  const durationMs = world.random.between(1, PAUSE_MS_MAX);
  world.trace(`${node.name} pauses for ${durationMs.toFixed(0)} ms`);
  node.process.pause(durationMs);
};

const stallViewer: Fault = (world) => {
  const viewer = world.random.pick(world.viewers);
  const durationMs = world.random.between(100, 5_000);
  world.trace(`${viewer.name} reads nothing for ${durationMs.toFixed(0)} ms`);
  viewer.stall(durationMs);
};

const roamViewer: Fault = (world) => {
  const viewer = world.random.pick(world.viewers);
  world.trace(`${viewer.name} roams`);
  viewer.roam();
};

const stopListener: Fault = (world) => {
  const usable = world.listeners.filter((node) => node.usable);
  const [node] = usable;
  if (node === undefined || usable.length < 2) return;
  world.trace(`${node.name} is asked to stop`);
  void node.stop();
};

// Frames may be lost from here on.

const pauseLong: Fault = (world) => {
  const node = someNode(world);
  const durationMs = world.random.between(PAUSE_MS_MAX, 3_000);
  world.trace(`${node.name} pauses for ${durationMs.toFixed(0)} ms`);
  node.process.pause(durationMs);
};

const killStreamer: Fault = (world) => {
  const usable = world.streamers.filter((node) => node.usable);
  if (usable.length < 2) return;
  const node = world.random.pick(usable);
  world.trace(`${node.name} is killed`);
  node.process.kill();
};

const stopStreamer: Fault = (world) => {
  const usable = world.streamers.filter((node) => node.usable);
  if (usable.length < 2) return;
  const node = world.random.pick(usable);
  world.trace(`${node.name} is asked to stop`);
  void node.stop();
};

const killListener: Fault = (world) => {
  const usable = world.listeners.filter((node) => node.usable);
  if (usable.length < 2) return;
  const node = world.random.pick(usable);
  world.trace(`${node.name} is killed`);
  node.process.kill();
};

const blackout: Fault = (world) => {
  for (const redis of world.redis) redis.hang();
  during(world, 'every Redis hangs', world.random.between(20, 2_000), () => {
    for (const redis of world.redis) redis.resume();
  });
};

const killAll: Fault = (world) => {
  for (const redis of world.redis) redis.kill('reset');
  during(world, 'every Redis is dead', world.random.between(20, 2_000), () => {
    for (const redis of world.redis) redis.restart();
  });
};

const fillDisk: Fault = (world) => {
  const node = world.random.pick(world.streamers);
  node.log.full = true;
  during(world, `${node.name}: disk full`, world.random.between(100, 2_000), () => {
    node.log.full = false;
  });
};

const roamBroadcaster: Fault = (world) => {
  const broadcaster = world.random.pick(world.broadcasters);
  world.trace(`${broadcaster.stream} roams`);
  broadcaster.roam();
};

const covered: readonly Fault[] = [
  kill,
  hang,
  partition,
  partition,
  cutSubscriber,
  loseMessages,
  slowPath,
  addRedis,
  removeRedis,
  pauseBriefly,
  stallViewer,
  roamViewer,
  stopListener,
];
const uncovered: readonly Fault[] = [pauseLong, killStreamer, stopStreamer, killListener, blackout, killAll, fillDisk, roamBroadcaster];

/** Spreads `count` faults over the next `durationMs`. */
export function layFaults(world: World, { severity, count, durationMs }: { severity: Severity; count: number; durationMs: number }): void {
  for (let i = 0; i < count; i++) {
    const fault = world.random.pick(severity === 'covered' ? covered : [...covered, ...uncovered, ...uncovered]);
    world.in(world.random.between(0, durationMs), () => fault(world));
  }
}

/** Ends all faults that are still active. */
export function healAll(world: World): void {
  world.trace('all faults have ended');
  for (const redis of world.redis) {
    if (redis.state === 'hung') redis.resume();
    else if (redis.state !== 'up') redis.restart();
    for (const { name } of world.nodes) {
      const path = world.path(name, redis);
      path.lossShare = 0;
      path.heal();
    }
  }
  for (const { log } of world.streamers) log.full = false;
}
