// The archive of one machine, the embedded log and store, when its parts fail: real processes, real signals, disks that really are
// full, a wall clock that really jumps. Each test ends with the audit of everything that its broadcasters wrote down.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { EndReason } from '@hayate/protocol';
import { audioFiles } from '../conformance/broadcast-archive.ts';
import { requirePython } from '../support/require-tool.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeWallClock } from '../support/wall-clock.ts';
import { auditArchive } from './archive/audit.ts';
import { type Campaign, runCampaign } from './archive/campaign.ts';
import { atMoment, drawMoment } from './archive/moment.ts';
import { type Site, unreadyReason } from './archive/site.ts';
import { openFrontDoor } from './front-door.ts';

const MIB = 2 ** 20;

/** The server and two broadcasters. */
async function begin({ site }: Campaign): Promise<void> {
  await site.start('all');
  await site.broadcast('first');
  await site.broadcast('second');
  await site.untilAcknowledged(4);
}

/** Kills the server at a moment that the seed chooses, and starts it again. */
async function killOnce({ t, site, choose }: Campaign): Promise<void> {
  const moment = drawMoment(choose, ['acknowledgements', 'store touches', 'log bytes']);
  const victim = site.first('all');
  await atMoment(site, moment, () => void victim.process.kill('SIGKILL'));
  await site.gone(victim);
  t.diagnostic(`killed after ${moment.count} ${moment.of}`);
  await site.start('all');
}

/** A small disk for a part of the data, and the site's folder around it; undefined after having skipped the test. */
function smallDiskFor(t: TestContext, part: 'log' | 'archive'): { folder: string; disk: SmallDisk } | undefined {
  const folder = tempDir(t);
  const disk = mountSmallDisk(t, join(folder, 'data', part), 8 * MIB);
  return disk && { folder, disk };
}

async function untilUnready(site: Site, why: RegExp): Promise<void> {
  await site.until(`/readyz to say ${why}`, async () => why.test(await unreadyReason(site.first('all'))));
}

async function untilReady(site: Site): Promise<void> {
  await site.until('/readyz to be content', async () => (await unreadyReason(site.first('all'))) === '');
}

// Their time is spent waiting for processes and fsyncs, so they share it.
describe('one machine', { concurrency: 3 }, () => {
  test('a server killed six times in mid-broadcast has everything acknowledged in its archive, once, byte for byte', async (t) => {
    await runCampaign(t, {}, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      for (let kills = 0; kills < 6; kills++) await killOnce(campaign);
      await site.untilCaughtUp();
      assert.ok(site.broadcasts.every(({ losses, journal }) => losses > 0 && journal.epochs().length === 1));
    });
  });

  test('a server frozen until its broadcasters have come back wakes up to connections that are gone, and does no harm', async (t) => {
    await runCampaign(t, {}, async (campaign) => {
      const { site, choose } = campaign;
      await begin(campaign);
      for (let freezes = 0; freezes < 3; freezes++) {
        await site.untilCaughtUp();
        await atMoment(site, drawMoment(choose, ['acknowledgements', 'store touches', 'log bytes']), () => site.freeze(site.first('all')));
        const losses = site.broadcasts.map((one) => one.losses);
        await site.until('connections to be missed', () => site.broadcasts.every((one, i) => one.losses > (losses[i] ?? 0)));
        site.thaw(site.first('all'));
      }
      await site.untilCaughtUp();
    });
  });

  test('a server asked to stop in mid-broadcast archives all it has acknowledged before it exits, and goes on when started again', async (t) => {
    const python = requirePython(t, 'avro', 'zstandard');
    if (python === undefined) return;
    // Appends follow one another closely, so that frames come while the drain waits for one.
    await runCampaign(t, { flags: ['--batch-ms', '5'] }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      await site.untilAcknowledged(20);
      await site.stop(site.first('all'));
      // A journal is complete when its broadcaster has seen the connection end.
      await site.until('connections to be missed', () => site.broadcasts.every(({ losses }) => losses > 0));
      const { frames } = await auditArchive(site, python);
      t.diagnostic(`${frames} frames were in the archive when it exited`);
      await site.start('all');
      await site.untilCaughtUp();
    });
  });

  test('a log on a disk that is full refuses and says so while live goes on, also after a kill, and asks for everything again', async (t) => {
    const small = smallDiskFor(t, 'log');
    if (small === undefined) return;
    await runCampaign(t, { folder: small.folder }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      const viewer = await site.watch('first');
      for (const killed of [false, true]) {
        await site.untilCaughtUp();
        small.disk.fill();
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
        await site.until('live frames while nothing is taken', () => viewer.stats.frames.audio >= received + 50);
        small.disk.free();
        await site.untilCaughtUp();
        await untilReady(site);
      }
      assert.equal(viewer.stats.missing.slow + viewer.stats.malformed, 0);
    });
  });

  test('a store on a disk that is full holds the archiver back and nobody else, also over a kill, and gets everything in the end', async (t) => {
    const small = smallDiskFor(t, 'archive');
    if (small === undefined) return;
    await runCampaign(t, { folder: small.folder }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      for (const killed of [false, true]) {
        small.disk.fill();
        site.count('full disks');
        await untilUnready(site, /archiver/);
        await site.untilAcknowledged(20);
        if (killed) {
          await site.kill(site.first('all'));
          await site.start('all');
          await untilUnready(site, /archiver/);
        }
        small.disk.free();
        await untilReady(site);
        const cuts = await site.first('all').metric('hayate_archiver_cuts_total');
        await site.until('more cuts', async () => (await site.first('all').metric('hayate_archiver_cuts_total')) > cuts);
      }
    });
  });

  test('a clock that jumps ahead and back, while the server runs and while it is dead, moves no window back', async (t) => {
    const clock = await makeWallClock(t);
    if (clock === undefined) return;
    await runCampaign(t, { env: clock.env }, async (campaign) => {
      const { site } = campaign;
      await begin(campaign);
      for (const aheadSeconds of [7_200, -7_200]) {
        clock.set(aheadSeconds);
        site.count('clock jumps');
        await site.untilAcknowledged(20);
        await killOnce(campaign);
        await site.untilCaughtUp();
      }
      clock.set(0);
      site.count('clock jumps');
      await site.untilAcknowledged(10);
      const hours = readdirSync(join(site.data, 'archive', 'frames'), { recursive: true, encoding: 'utf8' });
      assert.ok(hours.filter((name) => /hour=\d\d$/.test(name)).length >= 2, hours.join(' '));
    });
  });

  test('three devices that broadcast one stream one over the other: each epoch is archived with its end', async (t) => {
    const audit = await runCampaign(t, {}, async ({ site }) => {
      await site.start('all');
      for (let device = 0; device < 3; device++) {
        await site.broadcast('stage');
        await site.untilAcknowledged(10);
      }
      await site.until('two to be superseded', () => site.broadcasts.filter(({ superseded }) => superseded).length === 2);
      await site.untilCaughtUp();
    });
    if (audit === undefined) return;
    const reasons = audit.broadcasts.map(({ epoch, marks }) => ({ epoch, reason: marks.find(([mark]) => mark === 'END')?.[3] }));
    assert.deepEqual(
      reasons.sort((a, b) => (a.epoch < b.epoch ? -1 : 1)).map(({ reason }) => reason),
      [EndReason.SUPERSEDED, EndReason.SUPERSEDED, EndReason.FINISHED],
    );
  });

  test('a phone that comes back after 50 minutes sends what it had captured: its voice is whole, late where it came late', async (t) => {
    const clock = await makeWallClock(t);
    if (clock === undefined) return;
    const audit = await runCampaign(t, { env: clock.env, flags: ['--return-window-ms', '1000'] }, async ({ site }) => {
      const server = await site.start('all');
      const network = await openFrontDoor(t);
      network.open(server.port);
      const phone = await site.broadcast('phone', { door: network, queueMs: 3_600_000 });
      await site.broadcast('studio');
      await site.untilAcknowledged(10);
      network.close(server.port);
      network.cut();
      phone.command('capture 12000');
      await site.until('the phone to be missed', async () => (await server.metric('hayate_streamer_publications')) === 1);
      clock.set(50 * 60);
      site.count('clock jumps');
      phone.command(`sleep ${50 * 60_000 - 12_000}`);
      const cuts = await server.metric('hayate_archiver_cuts_total');
      await site.until('cuts that are 50 minutes on', async () => (await server.metric('hayate_archiver_cuts_total')) >= cuts + 2);
      network.open(server.port);
      await site.untilCaughtUp();
      await site.until('all of it to be acknowledged', () => phone.hasSettled(phone.newest()));
      assert.equal(phone.journal.epochs().length, 1);
      assert.equal(phone.journal.epochs()[0]?.dropped.size, 0);
      const late = audioFiles(join(site.data, 'archive'), { stream: 'phone', epoch: phone.newest().epoch }, true);
      assert.ok(late.length > 0, 'nothing was late');
    });
    const reasons = audit?.broadcasts.find(({ stream }) => stream === 'phone')?.marks.map(([, , , reason]) => reason);
    if (audit !== undefined) assert.deepEqual(reasons, [EndReason.LOST, EndReason.FINISHED]);
  });
});
