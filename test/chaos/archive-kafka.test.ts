// The archive of a cluster when its parts fail: streamers and archivers in processes of their own over a real Apache Kafka, real
// signals. Each test ends with the audit of everything that its broadcasters wrote down.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Kafka, shareKafka } from '../support/kafka.ts';
import { type Campaign, runCampaign } from './archive/campaign.ts';
import { atMoment, drawMoment } from './archive/moment.ts';

const PARTITIONS = 3;
const STREAMS = ['first', 'second', 'third', 'fourth'];
const kafka = shareKafka();
let topics = 0;

/** Flags of a log of its own on `bootstrap`; an archiver that is silent for 3 s loses its partitions. */
function logOn({ bootstrap }: Kafka): readonly string[] {
  const topic = `kafka://${bootstrap}/site-${topics++}`;
  return ['--log', topic, '--log-partitions', String(PARTITIONS), '--kafka-replication', '1', '--kafka-session-ms', '3000'];
}

/** Streamers, archivers, and four broadcasters who are all being acknowledged. */
async function begin({ site }: Campaign, { streamers = 1, archivers = 2 } = {}): Promise<void> {
  await site.start('streamer');
  await Promise.all([
    ...Array.from({ length: streamers - 1 }, () => site.start('streamer')),
    ...Array.from({ length: archivers }, () => site.start('archiver')),
  ]);
  for (const stream of STREAMS) await site.broadcast(stream);
  await site.untilAcknowledged(8);
}

describe('a cluster', { concurrency: 2 }, () => {
  test('archivers killed six times in mid-cut leave nothing half written, twice or missing, whoever comes after them', async (t) => {
    const shared = await kafka(t);
    if (shared === undefined) return;
    await runCampaign(t, { log: logOn(shared) }, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign);
      for (let kills = 0; kills < 6; kills++) {
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
});
