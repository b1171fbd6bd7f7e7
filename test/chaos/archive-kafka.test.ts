// The archive of a cluster when its parts fail: streamers and archivers in their own processes over
// a real Apache Kafka, real object stores, real signals. Each test ends with an audit against the
// journals of its broadcasters.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shareKafka, startKafka } from '../support/kafka.ts';
import { makeWallClock } from '../support/wall-clock.ts';
import { type Campaign, runCampaign, runSeed } from './archive/campaign.ts';
import {
  breakBroker,
  changeWorkers,
  freezeArchiver,
  freezeStreamer,
  killArchiver,
  killStreamer,
  untilAssigned,
  untilCuts,
} from './archive/cluster-fault.ts';
import { logOn, PARTITIONS, STREAMS } from './archive/cluster-log.ts';
import type { Part } from './archive/site.ts';
import { spoiltStoreSite } from './archive/store-site.ts';
import { openFrontDoor } from './front-door.ts';

const kafka = shareKafka();

/**
 * Starts these processes, the first alone so that it makes the topic, and one broadcaster for each
 * partition, and waits for acknowledgements.
 */
async function begin({ site }: Campaign, first: Part, ...others: readonly Part[]): Promise<void> {
  await site.start(first);
  await Promise.all(others.map((part) => site.start(part)));
  await site.broadcastAll(STREAMS);
}

// The tests mostly wait for processes, sessions and brokers, so they run in parallel.
describe('a cluster', { concurrency: 3 }, () => {
  // The longest test comes first.
  test('brokers with different clocks are suspended and killed in turn: leaders change and times go back, but no window does', async (t) => {
    const clocks = [await makeWallClock(t), await makeWallClock(t), await makeWallClock(t)];
    for (const [i, aheadSeconds] of [-3_600, 0, 1_800].entries()) clocks[i]?.set(aheadSeconds);
    if (clocks.includes(undefined)) return;
    const brokers = await startKafka(t, { nodes: 3, env: (node) => clocks[node - 1]?.env ?? {} });
    if (brokers === undefined) return;
    const audit = await runCampaign(t, { log: logOn(brokers), flags: ['--kafka-delivery-ms', '4000'] }, async (campaign) => {
      await begin(campaign, 'streamer', 'archiver');
      // Starts with the broker whose clock is ahead: the partitions that it leads go back in time.
      await breakBroker(campaign, brokers, 2);
      await breakBroker(campaign, brokers);
    });
    if (audit === undefined) return;
    t.diagnostic(`the log's clock went back ${audit.clockBack} times`);
    assert.ok(audit.clockBack > 0);
  });

  test('archivers killed three times in mid-cut leave nothing half written, duplicated or missing, for any successor', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      await begin(campaign, 'streamer', 'archiver', 'archiver');
      for (let kills = 0; kills < 3; kills++) await killArchiver(campaign);
    });
  });

  test('an archiver suspended until others have passed its cut resumes and does no harm', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      await begin(campaign, 'streamer', 'archiver', 'archiver');
      for (let freezes = 0; freezes < 2; freezes++) await freezeArchiver(campaign);
    });
  });

  test('broadcasters whose streamer is killed or suspended continue on another, and the suspended one appends nothing new later', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign, 'streamer', 'streamer', 'archiver');
      await killStreamer(campaign);
      await site.untilCaughtUp();
      await freezeStreamer(campaign);
      await site.untilCaughtUp();
      assert.ok(site.broadcasts.every(({ journal }) => journal.epochs().length === 1));
    });
  });

  test('workers that join, drain and are killed while three broadcasts run lose and duplicate nothing', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign, 'streamer', 'archiver');
      for (let changes = 0; changes < 4; changes++) await changeWorkers(campaign);
      await untilAssigned(site, site.of('archiver'));
      await untilCuts(site, PARTITIONS);
    });
  });

  test('processes with all roles over one Kafka are killed in turn, and each takes over from the other', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      await begin(campaign, 'all', 'all');
      for (let kills = 0; kills < 2; kills++) await killArchiver(campaign, 'all');
    });
  });

  test('two devices broadcast one stream at two separate streamers, and both broadcasts are archived whole', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    const audit = await runCampaign(t, { log: logOn(shared) }, async ({ site }) => {
      await site.start('archiver');
      for (let device = 0; device < 2; device++) {
        const door = await openFrontDoor(t);
        door.open((await site.start('streamer')).port);
        await site.broadcast('stage', { door });
      }
      await site.until('both to be acknowledged', () => site.broadcasts.every(({ journal }) => journal.acknowledgements() > 10));
    });
    if (audit !== undefined) assert.equal(audit.broadcasts.filter(({ stream }) => stream === 'stage').length, 2);
  });

  for (const kind of ['s3', 'gcs'] as const)
    test(`archivers killed over ${kind}, where one request in five fails, stalls or lies, store everything once`, async (t) => {
      const store = await spoiltStoreSite(t, kind, runSeed());
      const shared = store && (await kafka(t));
      if (store === undefined || shared === undefined) return;
      await runCampaign(t, { log: logOn(shared), store }, async (campaign) => {
        await begin(campaign, 'streamer', 'archiver');
        await killArchiver(campaign);
        await untilCuts(campaign.site, PARTITIONS);
        campaign.site.count(
          'spoilt requests',
          [...store.proxy.done.values()].reduce((sum, count) => sum + count, 0),
        );
      });
      assert.ok(store.proxy.done.size > 1, JSON.stringify([...store.proxy.done]));
    });
});
