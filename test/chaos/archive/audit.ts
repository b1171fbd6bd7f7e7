// Holds an archive against what its broadcasters wrote down, once everybody has gone: nothing acknowledged is missing, every frame is
// byte for byte what was sent and there once, the voice in the Ogg files is that of the frames, the statistics are theirs too, and
// the verifier is content. Frames are read by Python's avro, statistics by DuckDB.
import assert from 'node:assert/strict';
import { verifyArchive } from '../../../packages/server/src/archive/verify/verify.ts';
import { tickValue } from '../../conformance/archive-broadcast.ts';
import { type ArchivedBroadcast, assertVoiceIsWhole, readAvro, sumStatistics, withoutZeros } from '../../conformance/broadcast-archive.ts';
import { poll } from '../../support/poll.ts';
import type { Broadcasting } from './broadcasting.ts';
import type { JournalEpoch } from './journal.ts';
import { type Site, WINDOW_MS } from './site.ts';

/** What was found. */
export interface Audit {
  /** Frames that were compared with what was sent. */
  readonly frames: number;
  /** Those among them that had been acknowledged. */
  readonly promised: number;
  readonly broadcasts: readonly ArchivedBroadcast[];
  /** How often an entry of the log is older than the one before it. */
  readonly clockBack: number;
}

/** Fails unless the archive keeps what was promised. Every process of the site has ended. */
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
  // An epoch that its broadcaster never heard of can have no frame.
  const invented = broadcasts.filter((one) => !known.has(one) && one.sequences.length > 0);
  assert.deepEqual(
    invented.map(({ stream, epoch }) => `${stream} ${epoch}`),
    [],
    'frames of epochs that no broadcaster knows',
  );
  const clockBack = await verify(site);
  // Where the log's clock has gone back, its windows have not, and only who reads the log knows them: the verifier has recounted those.
  if (clockBack === 0) assert.deepEqual(withoutZeros(await sumStatistics(archive)), withoutZeros(windows));
  else assert.ok(site.clustered, "the embedded log's clock never goes back");
  return { frames, promised, broadcasts, clockBack };
}

/** One epoch of one broadcaster; returns how many frames were compared. */
function compare({ stream }: Broadcasting, epoch: JournalEpoch, archived: ArchivedBroadcast | undefined): number {
  const name = `${stream} ${epoch.epoch}`;
  const digests = new Map(archived?.digests);
  const promised = [...epoch.promised];
  const none = (what: string, sequences: readonly number[]) => assert.deepEqual(sequences, [], `${name}: ${what}`);
  none(
    'acknowledged, and never sent',
    promised.filter((sequence) => !epoch.sent.has(sequence)),
  );
  none(
    'acknowledged, and not in the archive',
    promised.filter((sequence) => !digests.has(sequence)),
  );
  none(
    'in the archive more than once',
    (archived?.sequences ?? []).filter(([, copies]) => copies !== 1).map(([sequence]) => sequence),
  );
  none(
    'in the archive, and not what was sent',
    [...digests].filter(([sequence, digest]) => epoch.sent.get(sequence) !== digest).map(([sequence]) => sequence),
  );
  const marks = archived?.marks ?? [];
  for (const [mark, first, next] of marks) {
    if (mark !== 'DROPPED') continue;
    for (let sequence = first; sequence < next; sequence++)
      assert.ok(epoch.dropped.has(sequence), `${name}: ${sequence} is marked as dropped, and never was declared so`);
  }
  if (epoch.ended !== undefined)
    assert.ok(
      marks.some(([mark, , next]) => mark === 'END' && next === epoch.ended),
      `${name}: its end is missing among ${JSON.stringify(marks)}`,
    );
  return digests.size;
}

/**
 * Everything in the log but ticks lies in a cut that is committed, and the verifier finds nothing. Returns how often the log's clock
 * has gone back.
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
  assert.deepEqual(behind, [], 'in the log, and in no cut');
  const store = await site.store.open();
  const { findings, summary } = await verifyArchive({ store, committed: { log: log.id, partitions: committed } });
  await store.close();
  assert.deepEqual(findings, []);
  assert.equal(summary.openObjects, 0);
  return clockBack;
}
