// The end of a simulated world: broadcasters finish, viewers are told, everything is closed, and
// the accounts must balance. Received + counted = published for every viewer; the servers' counts
// match the viewers'; nothing is left open.
import { CloseCodes } from '@hayate/protocol';
import type { SimulatedViewer } from './simulated-viewer.ts';
import { text } from './viewer-account.ts';
import type { World } from './world.ts';

/** Conditions in addition to the identities. */
export interface Expectation {
  /** Whether every frame had a way to every viewer: then none may be lost. */
  readonly nothingLost: boolean;
  /**
   * Whether broadcasters stayed with one streamer: then every frame they made was published live.
   */
  readonly isUnbroken: boolean;
  /** The longest time that a frame may take to a viewer on a good line; undefined: no bound. */
  readonly slowestMsMax?: number;
}

const FINISH_MS = 40_000;
/** Time until END has been repeated for the last time and the last receipt has arrived. */
const AFTER_END_MS = 4_500;

/** Ends the world and checks everything. Throws at the first breach, with the seed. */
export async function conclude(world: World, expected: Expectation): Promise<void> {
  const { broadcasters, viewers } = world;
  for (const broadcaster of broadcasters) broadcaster.finish();
  await world.until('the end of all broadcasts', () => broadcasters.every(({ state }) => state === 'over'), FINISH_MS);
  await world.until('the close of each misbehaving client', () => world.misbehaving.every(({ isSettled }) => isSettled), FINISH_MS);
  await world.until('the end at every viewer', () => viewers.every((viewer) => hasEnd(world, viewer)), FINISH_MS);
  await world.run(AFTER_END_MS);
  for (const { stream, made, acked, closedWith } of broadcasters)
    if (closedWith === 1_000 && acked !== made.length) world.breach(`${stream}: ended with ${acked} of ${made.length} acknowledged`);
  for (const viewer of viewers) checkAccounts(world, viewer, expected);
  if (world.slowestMs > (expected.slowestMsMax ?? Number.POSITIVE_INFINITY))
    world.breach(`a frame took ${world.slowestMs.toFixed(1)} ms, at most ${expected.slowestMsMax} are allowed`);
  world.assertUnbroken();
  await checkMetrics(world);
  await closeAll(world);
}

function hasEnd(world: World, viewer: SimulatedViewer): boolean {
  const { watching } = viewer;
  if (!viewer.connected) return !viewer.isReturning;
  // A viewer that arrived after the end is told that nothing is live.
  return watching === undefined || watching.ended || world.broadcastOf(viewer.stream, watching.epoch) === undefined;
}

function checkAccounts(world: World, viewer: SimulatedViewer, { nothingLost, isUnbroken }: Expectation): void {
  for (const [epoch, account] of viewer.accounts) {
    const broadcaster = world.broadcastOf(viewer.stream, epoch);
    const unexplained = account.unexplained();
    if (unexplained.size > 0) world.breach(`${viewer.name}: no gap or frame for ${text(unexplained)}`);
    if (account.endsAt !== undefined && broadcaster?.closedWith === 1_000 && account.endsAt !== broadcaster.made.length)
      world.breach(`${viewer.name}: Ended names ${account.endsAt}, but ${broadcaster.made.length} frames were made`);
    if (nothingLost && isUnbroken && account.missing.lost.size > 0) world.breach(`${viewer.name}: lost ${text(account.missing.lost)}`);
    if (nothingLost && isUnbroken && !viewer.wasSlow && account.missing.slow.size > 0)
      world.breach(`${viewer.name}: dropped as slow ${text(account.missing.slow)}`);
  }
}

/** The codes that only clients get that misbehave. */
const MISBEHAVIOUR_CODES = ['HANDSHAKE_TIMEOUT', 'TOKEN_EXPIRED', 'ISSUER_UNAVAILABLE', 'UNAUTHORIZED', 'RATE_EXCEEDED'] as const;

/** The servers' counts of closes are those that clients saw. */
async function checkCloses(world: World): Promise<void> {
  // A process that died may have closed connections that it has not counted.
  if (!world.nodes.every(({ process }) => process.alive)) return;
  for (const name of MISBEHAVIOUR_CODES) {
    const seen = world.misbehaving.filter(({ closedWith }) => closedWith === CloseCodes[name].code).length;
    const counts = await Promise.all(world.nodes.map((node) => node.metric('hayate_connection_closes_total', `code="${name}"`)));
    const counted = counts.reduce((sum, count) => sum + count, 0);
    if (counted !== seen) world.breach(`${seen} clients were closed with ${name}, and the servers counted ${counted}`);
  }
}

async function checkMetrics(world: World): Promise<void> {
  for (const client of [...world.viewers, ...world.misbehaving]) client.leave();
  const { lingerMs, returnWindowMs } = world.settings;
  const hasPublished = world.misbehaving.some(({ conduct }) => conduct.endpoint === 'publish');
  await world.run(1_000 + Math.max(lingerMs, hasPublished ? returnWindowMs + 1_000 : 0));
  await checkCloses(world);
  for (const node of [...world.listeners, ...world.streamers]) {
    const left = node.process.alive ? await node.metric('hayate_connections') : 0;
    if (left !== 0) world.breach(`${node.name}: ${left} connections are left`);
  }
  for (const node of world.listeners) {
    if (!node.usable) continue;
    const offered = await node.metric('hayate_listener_viewer_frames_total');
    const sent = await node.metric('hayate_listener_viewer_frames_sent_total');
    const dropped = await node.metric('hayate_listener_viewer_frames_dropped_total');
    if (offered !== sent + dropped) world.breach(`${node.name}: ${offered} frames offered, ${sent} sent, ${dropped} dropped`);
    for (const gauge of ['hayate_listener_viewers', 'hayate_listener_streams', 'hayate_fan_out_viewers_behind']) {
      const left = await node.metric(gauge);
      if (left !== 0) world.breach(`${node.name}: ${gauge} is ${left} after all have left`);
    }
  }
  for (const node of world.streamers) {
    const left = node.usable ? await node.metric('hayate_streamer_publications') : 0;
    if (left !== 0) world.breach(`${node.name}: ${left} publications are left`);
  }
  for (const node of world.nodes) {
    const malformed = node.process.alive ? await node.metric('hayate_streamer_malformed_channel_messages_total') : 0;
    if (malformed !== 0) world.breach(`${node.name}: ${malformed} messages could not be read`);
  }
  world.assertUnbroken();
}

/** Stops every living process. Then no process has a timer left, and no Redis a connection. */
async function closeAll(world: World): Promise<void> {
  for (const node of world.nodes) if (node.process.alive && !node.leaving) await world.settle(node.stop());
  await world.run(1_000);
  for (const { process } of world.nodes)
    if (process.alive && process.waiting > 0) world.breach(`${process.name}: ${process.waiting} timers are left`);
  for (const redis of world.redis)
    if (redis.state === 'up' && redis.clients > 0) world.breach(`${redis.name}: ${redis.clients} connections are left`);
  world.assertUnbroken();
}
