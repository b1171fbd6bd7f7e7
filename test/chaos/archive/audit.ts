// Compares an archive with the journals of its broadcasters, once all processes have ended. Nothing
// acknowledged is missing; every frame is there once, byte for byte as it was sent; the voice in
// the Ogg files and the statistics match the frames; and the verifier has no findings. Python's
// avro reads the frames, DuckDB the statistics.
import assert from 'node:assert/strict';
import { verifyArchive } from '../../../packages/server/src/archive/verify/verify.ts';
import { type ArchivedBroadcast, assertVoiceIsWhole, readAvro, sumStatistics, withoutZeros } from '../../conformance/broadcast-archive.ts';
import { tickValue } from '../../support/archive-broadcast.ts';
import { poll } from '../../support/poll.ts';
import type { Broadcasting } from './broadcasting.ts';
import type { JournalEpoch } from './journal.ts';
import { type Site, WINDOW_MS } from './site.ts';

/** The figures of an audit. */
export interface Audit {
  /** Number of frames compared with the sent ones. */
  readonly frames: number;
  /** Number of these frames that had been acknowledged. */
  readonly promised: number;
  readonly broadcasts: readonly ArchivedBroadcast[];
  /** Number of log entries that are older than the entry before. */
  readonly clockBack: number;
}

/**
 * Fails unless the archive has everything that was acknowledged. Every process of the site must
 * have ended.
 */
export async function auditArchive(site: Site, python: string): Promise<Audit> {
  const archive = await site.store.files();
  const { broadcasts, windows } = readAvro(python, archive, WINDOW_MS);
  const known = new Set<ArchivedBroadcast>();
  let [frames, promised] = [0, 0];
  for (const broadcaster of site.broadcasts)
    for (const epoch of broadcaster.journal.epochs()) {
      const archived = broadcasts.find((one) => one.stream === broadcaster.stream && one.epoch === epoch.epoch);
      if (archived !== undefined) known.add(archived);
      frames += compare(broadcaster, epoch, archived);
      promised += epoch.promised.size;
      if (archived !== undefined && archived.voice.length > 0) assertVoiceIsWhole(archive, archived);
    }
  // An epoch that its broadcaster never learned of has no frames.
  const invented = broadcasts.filter((one) => !known.has(one) && one.sequences.length > 0);
  assert.deepEqual(
    invented.map(({ stream, epoch }) => `${stream} ${epoch}`),
    [],
    'frames of epochs that no broadcaster used',
  );
  const clockBack = await verify(site);
  // When the log's clock goes back, its windows do not. Only a reader of the log knows the windows
  // then: the verifier has recounted those.
  if (clockBack === 0) assert.deepEqual(withoutZeros(await sumStatistics(archive)), withoutZeros(windows));
  else assert.ok(site.clustered, "the embedded log's clock never goes back");
  return { frames, promised, broadcasts, clockBack };
}

/** Compares one epoch of one broadcaster; returns the number of frames compared. */
function compare({ stream }: Broadcasting, epoch: JournalEpoch, archived: ArchivedBroadcast | undefined): number {
  const name = `${stream} ${epoch.epoch}`;
  const digests = new Map(archived?.digests);
  const promised = [...epoch.promised];
  const none = (what: string, sequences: readonly number[]) => assert.deepEqual(sequences, [], `${name}: ${what}`);
  none(
    'acknowledged but never sent',
    promised.filter((sequence) => !epoch.sent.has(sequence)),
  );
  none(
    'acknowledged but not in the archive',
    promised.filter((sequence) => !digests.has(sequence)),
  );
  none(
    'in the archive more than once',
    (archived?.sequences ?? []).filter(([, copies]) => copies !== 1).map(([sequence]) => sequence),
  );
  none(
    'in the archive with different bytes than sent',
    [...digests].filter(([sequence, digest]) => epoch.sent.get(sequence) !== digest).map(([sequence]) => sequence),
  );
  const marks = archived?.marks ?? [];
  for (const [mark, first, next] of marks) {
    if (mark !== 'DROPPED') continue;
    for (let sequence = first; sequence < next; sequence++)
      assert.ok(epoch.dropped.has(sequence), `${name}: ${sequence} is marked as dropped but was never declared dropped`);
  }
  if (epoch.ended !== undefined)
    assert.ok(
      marks.some(([mark, , next]) => mark === 'END' && next === epoch.ended),
      `${name}: its end is missing among ${JSON.stringify(marks)}`,
    );
  return digests.size;
}

/**
 * Checks that everything in the log except ticks lies in a committed cut, and that the verifier
 * finds nothing. Returns how often the log's clock has gone back.
 */
async function verify(site: Site): Promise<number> {
  const log = await site.openLog();
  const committed: (number | undefined)[] = [];
  const behind: string[] = [];
  let clockBack = 0;
  const consumer = await log.consume(async (partition, signal) => {
    const offset = await partition.committedOffset();
    const end = await partition.append(tickValue(false));
    let [next, timeMs] = [await partition.earliestOffset(), 0];
    for await (const entries of partition.read(next, signal)) {
      for (const { offset: at, appendTimeMs, key } of entries) {
        if (at >= (offset ?? 0) && key !== '') behind.push(`partition ${partition.number}, offset ${at}`);
        if (appendTimeMs < timeMs) clockBack++;
        timeMs = appendTimeMs;
        next = at + 1;
      }
      if (next > end) break;
    }
    committed[partition.number] = offset;
  });
  await poll('every partition', () => Object.keys(committed).length === log.partitionCount);
  await consumer.close();
  await log.close();
  assert.deepEqual(behind, [], 'in the log but in no cut');
  const store = await site.store.open();
  const { findings, summary } = await verifyArchive({ store, committed: { log: log.id, partitions: committed } });
  await store.close();
  assert.deepEqual(findings, []);
  assert.equal(summary.openObjects, 0);
  return clockBack;
}
