// Faults of streamers, archivers and brokers in their own processes. Each fault begins at a moment
// that the seed draws, and returns when as many processes run as before, unless the fault changes
// their number.
import assert from 'node:assert/strict';
import type { Kafka } from '../../support/kafka.ts';
import type { Campaign } from './campaign.ts';
import { PARTITIONS } from './cluster-log.ts';
import { atMoment, drawMoment } from './moment.ts';
import type { Part, Site, SiteProcess } from './site.ts';

/** Maximum number of workers that are added. */
const ARCHIVERS_MAX = 4;

/** Picks one of a part's processes. */
function pick({ site, choose }: Campaign, part: Part): SiteProcess {
  const all = site.of(part);
  const picked = all[choose(all.length)];
  assert.ok(picked !== undefined, `no ${part} runs`);
  return picked;
}

/** Waits until `count` more cuts have been made, by any archiver. */
export async function untilCuts(site: Site, count: number): Promise<void> {
  const before = new Map<SiteProcess, number>();
  const made = async () => {
    let sum = 0;
    for (const process of [...site.of('archiver'), ...site.of('all')]) {
      const cuts = await process.metric('hayate_archiver_cuts_total');
      if (!before.has(process)) before.set(process, cuts);
      sum += cuts - (before.get(process) ?? 0);
    }
    return sum;
  };
  await site.until(`${count} more cuts`, async () => (await made()) >= count);
}

/** Waits until these archivers have all partitions between them. */
export async function untilAssigned(site: Site, archivers: readonly SiteProcess[]): Promise<void> {
  await site.until('every partition to be archived', async () => {
    const counts = await Promise.all(archivers.map((archiver) => archiver.metric('hayate_archiver_partitions')));
    return counts.reduce((sum, count) => sum + count, 0) === PARTITIONS;
  });
}

/**
 * SIGKILL of an archiver in mid-cut. Then another starts, or the same one returns to its
 * partitions.
 */
export async function killArchiver(campaign: Campaign, part: 'archiver' | 'all' = 'archiver'): Promise<void> {
  const { t, site, choose } = campaign;
  const victim = pick(campaign, part);
  const moment = drawMoment(choose, ['acknowledgements', 'store touches']);
  await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
  await site.gone(victim);
  t.diagnostic(`killed after ${moment.count} ${moment.of}`);
  await (choose(2) === 0 ? site.start(part, victim.name) : site.start(part));
}

/**
 * SIGSTOP of an archiver until others have taken its partitions and passed its offset, then
 * SIGCONT. Needs at least two archivers.
 */
export async function freezeArchiver(campaign: Campaign): Promise<void> {
  const { site, choose } = campaign;
  await untilAssigned(site, site.of('archiver'));
  const zombie = pick(campaign, 'archiver');
  await atMoment(site, drawMoment(choose, ['store touches']), () => site.freeze(zombie));
  const others = site.of('archiver').filter((archiver) => archiver !== zombie);
  await untilAssigned(site, others);
  const cuts = async () => {
    const made = await Promise.all(others.map((other) => other.metric('hayate_archiver_cuts_total')));
    return made.reduce((sum, count) => sum + count, 0);
  };
  const before = await cuts();
  await site.until('cuts beyond the frozen one', async () => (await cuts()) >= before + 2 * PARTITIONS);
  site.thaw(zombie);
  await untilAssigned(site, site.of('archiver'));
  assert.equal(await site.sum('archiver', 'hayate_archiver_partitions_stopped'), 0);
}

/** A worker joins, or leaves by SIGTERM or SIGKILL; at least one stays. */
export async function changeWorkers(campaign: Campaign): Promise<void> {
  const { site, choose } = campaign;
  const workers = site.of('archiver').length;
  const one = pick(campaign, 'archiver');
  await atMoment(site, drawMoment(choose, ['acknowledgements', 'store touches']), () => undefined);
  if (workers === 1 || (workers < ARCHIVERS_MAX && choose(2) === 0)) await site.start('archiver');
  else await (choose(2) === 0 ? site.stop(one) : site.kill(one));
  site.count('rebalances');
}

/** SIGKILL of a streamer; then a new one starts. */
export async function killStreamer(campaign: Campaign): Promise<void> {
  const { site, choose } = campaign;
  const victim = pick(campaign, 'streamer');
  await atMoment(site, drawMoment(choose, ['acknowledgements']), () => void victim.process.kill('SIGKILL'));
  await site.gone(victim);
  await site.start('streamer');
}

/**
 * SIGSTOP of a streamer until another one acknowledges its broadcasters, then SIGCONT. It may still
 * hold some of their frames.
 */
export async function freezeStreamer(campaign: Campaign): Promise<void> {
  const { site, choose } = campaign;
  const victim = pick(campaign, 'streamer');
  await atMoment(site, drawMoment(choose, ['acknowledgements']), () => site.freeze(victim));
  await site.untilCaughtUp();
  site.thaw(victim);
}

/**
 * A broker hangs until the others have elected leaders and continued, or dies and comes back. Needs
 * three brokers.
 */
export async function breakBroker({ site, choose }: Campaign, { nodes }: Kafka, which = choose(nodes.length)): Promise<void> {
  const node = nodes[which] ?? nodes[0];
  const signal = choose(2) === 0 ? 'SIGSTOP' : 'SIGKILL';
  await atMoment(site, drawMoment(choose, ['acknowledgements']), () => node.signal(signal));
  site.count(signal === 'SIGSTOP' ? 'freezes' : 'kills');
  await site.untilCaughtUp();
  if (signal === 'SIGSTOP') node.signal('SIGCONT');
  else await node.restart();
  await site.untilCaughtUp();
}
