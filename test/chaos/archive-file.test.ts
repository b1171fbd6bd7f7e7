// The archive of one machine, the embedded log and store, when its parts fail: real processes, real signals, a disk that really is
// full, a wall clock that really jumps. Each test ends with the audit of everything that its broadcasters wrote down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Campaign, runCampaign } from './archive/campaign.ts';
import { atMoment, drawMoment } from './archive/moment.ts';

/** Kills the server at moments that the seed chooses, and starts it again. */
async function killAgainAndAgain({ t, site, choose }: Campaign, times: number): Promise<void> {
  const moments: string[] = [];
  for (let time = 0; time < times; time++) {
    const moment = drawMoment(choose, ['acknowledgements', 'store touches', 'log bytes']);
    const victim = site.first('all');
    await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
    await site.gone(victim);
    site.count('kills');
    moments.push(`${moment.count} ${moment.of}`);
    await site.start('all');
  }
  t.diagnostic(`killed after ${moments.join(', ')}`);
}

test('a server killed eight times in mid-broadcast has everything acknowledged in its archive, once, byte for byte', async (t) => {
  await runCampaign(t, {}, async (campaign) => {
    const { site } = campaign;
    await site.start('all');
    await site.broadcast('first');
    await site.broadcast('second');
    await killAgainAndAgain(campaign, 8);
    await site.untilCaughtUp();
    assert.ok(site.broadcasts.every(({ losses }) => losses > 0));
  });
});
