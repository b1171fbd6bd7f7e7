// The archive of one machine, with the embedded log and store, when its parts fail: real processes,
// real signals, disks that are really full, a wall clock that really jumps. Each test ends with an
// audit against the journals of its broadcasters.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EndReason } from '@hayate/protocol';
import { audioFiles } from '../conformance/broadcast-archive.ts';
import { requirePython } from '../support/require-tool.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeWallClock } from '../support/wall-clock.ts';
import { auditArchive } from './archive/audit.ts';
import { type Campaign, runCampaign } from './archive/campaign.ts';
import {
  fillArchiveDisk,
  fillLogDisk,
  freezeServer,
  jumpClock,
  killServer,
  loseForFiftyMinutes,
  supersede,
} from './archive/machine-fault.ts';

const DISK_BYTES = 8 * 2 ** 20;

/** The server and two broadcasters. */
async function begin({ site }: Campaign): Promise<void> {
  await site.start('all');
  await site.broadcastAll(['first', 'second']);
}

// The tests mostly wait for processes and fsyncs, so they run in parallel.
describe('one machine', { concurrency: 3 }, () => {
  test('a server killed five times in mid-broadcast has everything acknowledged in its archive, once, byte for byte', async (t) => {
    await runCampaign(t, {}, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      for (let kills = 0; kills < 5; kills++) await killServer(campaign);
      await site.untilCaughtUp();
      assert.ok(site.broadcasts.every(({ losses, journal }) => losses > 0 && journal.epochs().length === 1));
    });
  });

  test('a server suspended until its broadcasters have left it resumes with lost connections, and does no harm', async (t) => {
    await runCampaign(t, {}, async (campaign) => {
      await begin(campaign);
      for (let freezes = 0; freezes < 3; freezes++) await freezeServer(campaign);
      await campaign.site.untilCaughtUp();
    });
  });

  test('a server stopped in mid-broadcast archives all acknowledged frames before it exits, and continues when it is started again', async (t) => {
    const python = requirePython(t, 'avro', 'zstandard');
    if (python === undefined) return;
    // Appends follow one another closely, so that frames arrive while the drain waits for an
    // append.
    await runCampaign(t, { flags: ['--batch-ms', '5'] }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      await site.untilAcknowledged(20);
      await site.stop(site.first('all'));
      // A journal is complete once its broadcaster has seen the connection end.
      await site.until('connections to be lost', () => site.broadcasts.every(({ losses }) => losses > 0));
      const { frames } = await auditArchive(site, python);
      t.diagnostic(`${frames} frames were in the archive when it exited`);
      await site.start('all');
      await site.untilCaughtUp();
    });
  });

  test('a log on a full disk refuses frames and reports it while the live stream continues, also after a kill, and asks for all of them again', async (t) => {
    const folder = tempDir(t);
    const disk = mountSmallDisk(t, join(folder, 'data', 'log'), DISK_BYTES);
    if (disk === undefined) return;
    await runCampaign(t, { folder }, async (campaign) => {
      await begin(campaign);
      for (const killed of [false, true]) await fillLogDisk(campaign, disk, killed);
    });
  });

  test('a store on a full disk delays only the archiver, also across a kill, and gets everything in the end', async (t) => {
    const folder = tempDir(t);
    const disk = mountSmallDisk(t, join(folder, 'data', 'archive'), DISK_BYTES);
    if (disk === undefined) return;
    await runCampaign(t, { folder }, async (campaign) => {
      await begin(campaign);
      for (const killed of [false, true]) await fillArchiveDisk(campaign, disk, killed);
    });
  });

  test('a clock that jumps ahead and back, while the server runs and while it is down, moves no window back', async (t) => {
    const clock = await makeWallClock(t);
    if (clock === undefined) return;
    await runCampaign(t, { env: clock.env }, async (campaign) => {
      await begin(campaign);
      await jumpClock(campaign, clock, 7_200);
      await killServer(campaign);
      await jumpClock(campaign, clock, -7_200);
      // Until the clock is back where it was, time stands still for windows, and no cut is made.
      await killServer(campaign, ['acknowledgements', 'log bytes']);
      await jumpClock(campaign, clock, 0);
      const hours = readdirSync(join(campaign.site.data, 'archive', 'frames'), { recursive: true, encoding: 'utf8' });
      assert.ok(hours.filter((name) => /hour=\d\d$/.test(name)).length >= 2, hours.join(' '));
    });
  });

  test('three devices broadcast one stream in turn, and each epoch is archived with its end', async (t) => {
    const audit = await runCampaign(t, {}, async (campaign) => {
      await campaign.site.start('all');
      for (let device = 0; device < 3; device++) await supersede(campaign, 'stage');
    });
    if (audit === undefined) return;
    const reasons = audit.broadcasts.map(({ epoch, marks }) => ({ epoch, reason: marks.find(([mark]) => mark === 'END')?.[3] }));
    assert.deepEqual(
      reasons.sort((a, b) => (a.epoch < b.epoch ? -1 : 1)).map(({ reason }) => reason),
      [EndReason.SUPERSEDED, EndReason.SUPERSEDED, EndReason.FINISHED],
    );
  });

  test('a phone that returns after 50 minutes sends its captured frames: its voice is complete, and marked late where it was late', async (t) => {
    const clock = await makeWallClock(t);
    if (clock === undefined) return;
    const audit = await runCampaign(t, { env: clock.env, flags: ['--return-window-ms', '1000'] }, async (campaign) => {
      const { site } = campaign;
      await site.start('all');
      await site.broadcast('studio');
      const phone = await loseForFiftyMinutes(campaign, clock, 'phone');
      const [epoch, ...more] = phone.journal.epochs();
      assert.ok(epoch !== undefined && more.length === 0 && epoch.dropped.size === 0);
      await site.until(
        'late files',
        () => audioFiles(join(site.data, 'archive'), { stream: 'phone', epoch: epoch.epoch }, true).length > 0,
      );
    });
    const reasons = audit?.broadcasts.find(({ stream }) => stream === 'phone')?.marks.map(([, , , reason]) => reason);
    if (audit !== undefined) assert.deepEqual(reasons, [EndReason.LOST, EndReason.FINISHED]);
  });
});
