// Faults of a single server that has all roles, with the embedded log and store. Each fault begins
// at a moment that the seed draws, and returns when the server is up again. Broadcasters may still
// be catching up when the next fault begins.
import assert from 'node:assert/strict';
import type { SmallDisk } from '../../support/small-disk.ts';
import type { WallClock } from '../../support/wall-clock.ts';
import { openFrontDoor } from '../front-door.ts';
import type { Broadcasting } from './broadcasting.ts';
import type { Campaign } from './campaign.ts';
import { atMoment, drawMoment, type Moment } from './moment.ts';
import { type Site, unreadyReason } from './site.ts';

const KINDS: readonly Moment['of'][] = ['acknowledgements', 'store touches', 'log bytes'];

/** Waits until the server is not ready for this reason. */
async function untilUnready(site: Site, why: RegExp): Promise<void> {
  await site.until(`/readyz to say ${why}`, async () => why.test(await unreadyReason(site.first('all'))));
}

/** Waits until the server is ready. */
async function untilReady(site: Site): Promise<void> {
  await site.until('/readyz to report ready', async () => (await unreadyReason(site.first('all'))) === '');
}

/** SIGKILL, and a new process on the same data. */
export async function killServer({ t, site, choose }: Campaign, kinds = KINDS): Promise<void> {
  const moment = drawMoment(choose, kinds);
  const victim = site.first('all');
  await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
  await site.gone(victim);
  t.diagnostic(`killed after ${moment.count} ${moment.of}`);
  await site.start('all');
}

/** SIGSTOP until every broadcaster has noticed, then SIGCONT. */
export async function freezeServer({ site, choose }: Campaign): Promise<void> {
  await site.untilCaughtUp();
  const losses = site.broadcasts.map((one) => one.losses);
  await atMoment(site, drawMoment(choose, KINDS), () => site.freeze(site.first('all')));
  await site.until('connections to be lost', () => site.broadcasts.every((one, i) => one.ended || one.losses > (losses[i] ?? 0)));
  site.thaw(site.first('all'));
}

/** SIGTERM, and a new process on the same data. */
export async function restartServer({ site, choose }: Campaign): Promise<void> {
  await atMoment(site, drawMoment(choose, KINDS), () => undefined);
  await site.stop(site.first('all'));
  site.count('restarts');
  await site.start('all');
}

/**
 * The log's disk is full: appends are refused, and the server reports it; viewers still receive
 * frames. With `killed` the server also dies and restarts. Then space is freed.
 */
export async function fillLogDisk({ site }: Campaign, disk: SmallDisk, killed: boolean): Promise<void> {
  await site.untilCaughtUp();
  const on = site.broadcasts.find(({ ended }) => !ended);
  assert.ok(on !== undefined);
  const viewer = await site.watch(on.stream);
  disk.fill();
  site.count('full disks');
  const refusals = () => site.first('all').metric('hayate_log_refused_total', 'reason="full"');
  await site.until('refusals', async () => (await refusals()) > 0);
  await untilUnready(site, /log/);
  if (killed) {
    await site.kill(site.first('all'));
    await site.start('all');
    await site.until('refusals after the restart', async () => (await refusals()) > 0);
  }
  const received = viewer.stats.frames.audio;
  await site.until('live frames while the log refuses all', () => viewer.stats.frames.audio >= received + 50);
  disk.free();
  await site.untilCaughtUp();
  await untilReady(site);
  assert.equal(viewer.stats.missing.slow + viewer.stats.malformed, 0);
  viewer.close();
}

/**
 * The archive's disk is full: the archiver reports it and retries; frames are still acknowledged.
 * Then space is freed.
 */
export async function fillArchiveDisk({ site }: Campaign, disk: SmallDisk, killed: boolean): Promise<void> {
  disk.fill();
  site.count('full disks');
  await untilUnready(site, /archiver/);
  await site.untilAcknowledged(20);
  if (killed) {
    await site.kill(site.first('all'));
    await site.start('all');
    await untilUnready(site, /archiver/);
  }
  disk.free();
  await untilReady(site);
  const cuts = () => site.first('all').metric('hayate_archiver_cuts_total');
  const before = await cuts();
  await site.until('more cuts', async () => (await cuts()) > before);
}

/** The server's wall clock jumps, and frames arrive with the new time. */
export async function jumpClock({ site }: Campaign, clock: WallClock, aheadSeconds: number): Promise<void> {
  clock.set(aheadSeconds);
  site.count('clock jumps');
  await site.untilAcknowledged(20);
}

/** Another device begins to broadcast a stream that is live; the first one is told. */
export async function supersede({ site }: Campaign, stream: string): Promise<Broadcasting> {
  const others = site.broadcasts.filter((one) => one.stream === stream && !one.ended);
  const device = await site.broadcast(stream);
  site.count('devices');
  await site.until('the newer device to be acknowledged', () => device.live && device.journal.acknowledgements() > 2);
  await site.until('the older device to be superseded', () => others.every(({ superseded }) => superseded));
  return device;
}

/**
 * A phone loses its network, captures 12 s more, returns after 50 minutes by the server's clock,
 * sends everything, and ends. Streamers must give up on the missing frames within seconds
 * (--return-window-ms). `aheadSeconds` is how far the clock was ahead before.
 */
export async function loseForFiftyMinutes(
  { t, site }: Campaign,
  clock: WallClock,
  stream: string,
  aheadSeconds = 0,
): Promise<Broadcasting> {
  const server = site.first('all');
  const network = await openFrontDoor(t);
  network.open(server.port);
  const phone = await site.broadcast(stream, { door: network, queueMs: 3_600_000 });
  await site.until('the phone to be acknowledged', () => phone.journal.acknowledgements() > 5);
  const publications = await server.metric('hayate_streamer_publications');
  network.close(server.port);
  network.cut();
  phone.command('capture 12000');
  await site.until('the phone to be given up', async () => (await server.metric('hayate_streamer_publications')) < publications);
  clock.set(aheadSeconds + 50 * 60);
  site.count('clock jumps');
  phone.command(`sleep ${50 * 60_000 - 12_000}`);
  const cuts = await server.metric('hayate_archiver_cuts_total');
  await site.until('cuts 50 minutes later', async () => (await server.metric('hayate_archiver_cuts_total')) >= cuts + 2);
  network.open(server.port);
  await site.until('the phone to reconnect', () => phone.live);
  phone.command('end');
  await site.until('all frames of the phone to be acknowledged', () => phone.ended);
  return phone;
}
