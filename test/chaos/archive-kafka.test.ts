// The archive of a cluster when its parts fail: streamers and archivers in processes of their own over a real Apache Kafka, real
// signals. Each test ends with the audit of everything that its broadcasters wrote down.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Kafka, shareKafka, startKafka } from '../support/kafka.ts';
import { makeWallClock } from '../support/wall-clock.ts';
import { type Campaign, runCampaign } from './archive/campaign.ts';
import { atMoment, drawMoment } from './archive/moment.ts';
import type { Site, SiteProcess } from './archive/site.ts';
import { openFrontDoor } from './front-door.ts';

const PARTITIONS = 3;
const STREAMS = ['first', 'second', 'third'];
const kafka = shareKafka();
let topics = 0;

/** Flags of a log of its own; an archiver that is silent for 3 s loses its partitions. */
function logOn({ bootstrap, nodes }: Kafka): readonly string[] {
  const topic = `kafka://${bootstrap}/site-${topics++}`;
  const replication = String(nodes.length);
  return ['--log', topic, '--log-partitions', String(PARTITIONS), '--kafka-replication', replication, '--kafka-session-ms', '3000'];
}

/** Streamers, archivers, and three broadcasters who are all being acknowledged. */
async function begin({ site }: Campaign, { streamers = 1, archivers = 2 } = {}): Promise<void> {
  await site.start('streamer');
  await Promise.all([
    ...Array.from({ length: streamers - 1 }, () => site.start('streamer')),
    ...Array.from({ length: archivers }, () => site.start('archiver')),
  ]);
  for (const stream of STREAMS) await site.broadcast(stream);
  await site.untilAcknowledged(8);
}

/** Waits until so many cuts have been made from now on, by whoever runs. */
async function untilCuts(site: Site, count: number): Promise<void> {
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

/** Waits until these archivers have all partitions among them. */
async function untilAssigned(site: Site, archivers: readonly SiteProcess[]): Promise<void> {
  await site.until('every partition to be archived', async () => {
    const counts = await Promise.all(archivers.map((archiver) => archiver.metric('hayate_archiver_partitions')));
    return counts.reduce((sum, count) => sum + count, 0) === PARTITIONS;
  });
}

describe('a cluster', { concurrency: 3 }, () => {
  test('archivers killed four times in mid-cut leave nothing half written, twice or missing, whoever comes after them', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign);
      for (let kills = 0; kills < 4; kills++) {
        const victim = site.of('archiver')[choose(2)];
        assert.ok(victim !== undefined);
        const moment = drawMoment(choose, ['acknowledgements', 'store touches']);
        await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
        await site.gone(victim);
        t.diagnostic(`killed after ${moment.count} ${moment.of}`);
        await (choose(2) === 0 ? site.start('archiver', victim.name) : site.start('archiver'));
      }
    });
  });

  test('an archiver frozen until others have gone past it wakes up, and does harm to nothing', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign);
      for (let freezes = 0; freezes < 2; freezes++) {
        await untilAssigned(site, site.of('archiver'));
        const zombie = site.of('archiver')[choose(2)];
        assert.ok(zombie !== undefined);
        await atMoment(site, drawMoment(choose, ['store touches']), () => site.freeze(zombie));
        const others = site.of('archiver').filter((archiver) => archiver !== zombie);
        await untilAssigned(site, others);
        const before = await Promise.all(others.map((other) => other.metric('hayate_archiver_cuts_total')));
        await site.until('cuts beyond the frozen one', async () => {
          const now = await Promise.all(others.map((other) => other.metric('hayate_archiver_cuts_total')));
          return now.every((cuts, i) => cuts >= (before[i] ?? 0) + 2 * PARTITIONS);
        });
        site.thaw(zombie);
        await untilAssigned(site, site.of('archiver'));
      }
      assert.equal(await site.sum('archiver', 'hayate_archiver_partitions_stopped'), 0);
    });
  });

  test('broadcasters whose streamer is killed or frozen go on at another, and what the frozen one says later is nothing new', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign, { streamers: 2, archivers: 1 });
      for (let round = 0; round < 4; round++) {
        const victim = site.of('streamer')[choose(2)];
        assert.ok(victim !== undefined);
        const moment = drawMoment(choose, ['acknowledgements']);
        if (round % 2 === 0) {
          await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
          await site.gone(victim);
          await site.start('streamer');
        } else {
          await atMoment(site, moment, () => site.freeze(victim));
          // Those who were with it send to the other what it may have in its hands still.
          await site.untilCaughtUp();
          site.thaw(victim);
        }
        await site.untilCaughtUp();
      }
      assert.ok(site.broadcasts.every(({ journal }) => journal.epochs().length === 1));
    });
  });

  test('workers that join and leave, politely and not, while three broadcasts run, lose and double nothing', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign, { archivers: 1 });
      for (let changes = 0; changes < 6; changes++) {
        const workers = site.of('archiver');
        const one = workers[choose(workers.length)];
        await atMoment(site, drawMoment(choose, ['acknowledgements', 'store touches']), () => undefined);
        if (one === undefined || workers.length === 1 || (workers.length < 4 && choose(2) === 0)) await site.start('archiver');
        else await (choose(2) === 0 ? site.stop(one) : site.kill(one));
        site.count('rebalances');
      }
      await untilAssigned(site, site.of('archiver'));
      await untilCuts(site, PARTITIONS);
    });
  });

  test('processes that do everything over one Kafka are killed in turn, and each takes over from the other', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await Promise.all([site.start('all'), site.start('all')]);
      for (const stream of STREAMS) await site.broadcast(stream);
      await site.untilAcknowledged(8);
      for (let kills = 0; kills < 3; kills++) {
        const victim = site.first('all');
        await atMoment(site, drawMoment(choose, ['acknowledgements', 'store touches']), () => void victim.process.kill('SIGKILL'));
        await site.gone(victim);
        await site.start('all');
      }
    });
  });

  test('two devices on one stream, at two streamers that know nothing of each other: both broadcasts are archived whole', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    const audit = await runCampaign(t, { log: logOn(shared) }, async ({ site }) => {
      const doors = await Promise.all(['first', 'second'].map(() => openFrontDoor(t)));
      await site.start('archiver');
      for (const door of doors) {
        door.open((await site.start('streamer')).port);
        await site.broadcast('stage', { door });
      }
      await untilCuts(site, 3);
      await site.untilCaughtUp();
    });
    if (audit !== undefined) assert.equal(audit.broadcasts.filter(({ stream }) => stream === 'stage').length, 2);
  });

  test('brokers frozen and killed in turn, each with a clock of its own: leaders change, times go back, and no window does', async (t) => {
    const clocks = [await makeWallClock(t), await makeWallClock(t), await makeWallClock(t)];
    for (const [i, aheadSeconds] of [-3_600, 0, 1_800].entries()) clocks[i]?.set(aheadSeconds);
    if (clocks.includes(undefined)) return;
    const brokers = await startKafka(t, { nodes: 3, env: (node) => clocks[node - 1]?.env ?? {} });
    if (brokers === undefined) return;
    const audit = await runCampaign(t, { log: logOn(brokers), flags: ['--kafka-delivery-ms', '4000'] }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign, { archivers: 1 });
      for (let blow = 0; blow < 4; blow++) {
        // First the one that is ahead: what it leads goes back in time.
        const node = brokers.nodes[blow === 0 ? 2 : choose(3)] ?? brokers;
        const signal = blow % 2 === 0 ? 'SIGSTOP' : 'SIGKILL';
        await atMoment(site, drawMoment(choose, ['acknowledgements']), () => node.signal(signal));
        site.count(signal === 'SIGSTOP' ? 'freezes' : 'kills');
        // The other two elect leaders, and go on.
        await site.untilCaughtUp();
        if (signal === 'SIGSTOP') node.signal('SIGCONT');
        else await node.restart();
        await site.untilCaughtUp();
      }
    });
    if (audit !== undefined) {
      t.diagnostic(`the clock went back ${audit.clockBack} times`);
      assert.ok(audit.clockBack > 0);
    }
  });
});
