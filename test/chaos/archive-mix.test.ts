// All faults of the archive's other tests, mixed by a seed on one site: a single machine, and a
// cluster over a store and a Kafka that the seed draws. CI runs a few faults; `npm run soak` sets
// HAYATE_TEST_FAULTS and runs one seed after another.
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { seededNumbers } from '../support/archive-broadcast.ts';
import { startKafka } from '../support/kafka.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';
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
} from './archive/cluster-fault.ts';
import { logOn, STREAMS } from './archive/cluster-log.ts';
import {
  fillArchiveDisk,
  fillLogDisk,
  freezeServer,
  jumpClock,
  killServer,
  loseForFiftyMinutes,
  restartServer,
  supersede,
} from './archive/machine-fault.ts';
import { spoiltStoreSite } from './archive/store-site.ts';

const DISK_BYTES = 64 * 2 ** 20;
const faults = Number(process.env.HAYATE_TEST_FAULTS ?? 3);

/** Runs `faults` faults, each one of `kinds`, which are named for the report. */
async function strike({ t, choose }: Campaign, kinds: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const names = Object.keys(kinds);
  for (let fault = 1; fault <= faults; fault++) {
    const name = names[choose(names.length)] ?? '';
    t.diagnostic(`fault ${fault}: ${name}`);
    await kinds[name]?.();
  }
}

/** A Kafka and a store that the seed draws. Returns undefined after skipping the test. */
async function drawCluster(t: TestContext) {
  const draw = seededNumbers(runSeed() + 1);
  const nodes = draw(4) === 0 ? 3 : 1;
  const kind = (['fs', 's3', 'gcs'] as const)[draw(3)] ?? 'fs';
  t.diagnostic(`brokers: ${nodes}, store: ${kind}`);
  const store = kind === 'fs' ? undefined : await spoiltStoreSite(t, kind, runSeed());
  if (kind !== 'fs' && store === undefined) return undefined;
  const kafka = await startKafka(t, { nodes });
  return kafka && { kafka, ...(store === undefined ? {} : { store }) };
}

describe('mixes', { concurrency: 2 }, () => {
  test('a machine survives a random mix of all its faults', async (t) => {
    const folder = tempDir(t);
    const disks = ['log', 'archive'].map((part) => mountSmallDisk(t, join(folder, 'data', part), DISK_BYTES));
    const [log, archive] = disks;
    const clock = await makeWallClock(t);
    if (log === undefined || archive === undefined || clock === undefined) return;
    await runCampaign(t, { folder, env: clock.env, flags: ['--return-window-ms', '1000'] }, async (campaign) => {
      const { site, choose } = campaign;
      await site.start('all');
      const streams = ['first', 'second', 'third'];
      await site.broadcastAll(streams);
      let aheadSeconds = 0;
      let phones = 0;
      await strike(campaign, {
        kill: () => killServer(campaign),
        'kill again': () => killServer(campaign),
        freeze: () => freezeServer(campaign),
        restart: () => restartServer(campaign),
        'full log': () => fillLogDisk(campaign, log, choose(2) === 0),
        'full archive': () => fillArchiveDisk(campaign, archive, choose(2) === 0),
        clock: async () => {
          // Goes back for a while, during which no cut is made, and then beyond the earlier time.
          await jumpClock(campaign, clock, aheadSeconds - choose(7_200));
          aheadSeconds += choose(3_600);
          await jumpClock(campaign, clock, aheadSeconds);
        },
        device: () => supersede(campaign, streams[choose(streams.length)] ?? ''),
        phone: async () => {
          await loseForFiftyMinutes(campaign, clock, `phone-${phones++}`, aheadSeconds);
          aheadSeconds += 50 * 60;
        },
      });
      await site.untilCaughtUp();
    });
  });

  test('a cluster survives a random mix of all its faults', async (t) => {
    const drawn = await drawCluster(t);
    if (drawn === undefined) return;
    const { kafka, ...rest } = drawn;
    await runCampaign(t, { log: logOn(kafka), flags: ['--kafka-delivery-ms', '4000'], ...rest }, async (campaign) => {
      const { site } = campaign;
      await site.start('streamer');
      await Promise.all([site.start('streamer'), site.start('archiver'), site.start('archiver')]);
      await site.broadcastAll(STREAMS);
      await strike(campaign, {
        'kill archiver': () => killArchiver(campaign),
        'freeze archiver': async () => {
          if (site.of('archiver').length < 2) await site.start('archiver');
          await freezeArchiver(campaign);
        },
        workers: () => changeWorkers(campaign),
        'kill streamer': () => killStreamer(campaign),
        'freeze streamer': () => freezeStreamer(campaign),
        ...(kafka.nodes.length > 1 ? { broker: () => breakBroker(campaign, kafka) } : {}),
      });
      await site.untilCaughtUp();
      await untilAssigned(site, site.of('archiver'));
    });
  });
});
