// The digests of an archive, recomputed by archive-digests.py from the text of spec/archive.md
// alone. Covers the vectors, and archives with every codec, with hourly files and with an erased
// broadcast.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eraseBroadcast } from '../../packages/server/src/archive/erase/erasure.ts';
import { findBroadcasts } from '../../packages/server/src/archive/erase/erasure-search.ts';
import { readObjectIdentity } from '../../packages/server/src/archive/layout/object-digest.ts';
import { parseManifestKey } from '../../packages/server/src/archive/layout/path.ts';
import { verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { compactHours } from '../../packages/server/src/archiver/upkeep/hourly.ts';
import { AVRO_CODECS } from '../../packages/server/src/format/avro/index.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, readObjects, writeLog } from '../support/archive-run.ts';
import { root } from '../support/process.ts';
import { requirePythonTool } from '../support/python-program.ts';
import { tempDir } from '../support/temp-dir.ts';
import { archiveVectorFiles, VECTORS } from './archive-vectors.ts';

/** Runs the Python reader; returns its exit code and its output. */
function recompute(python: string, ...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(python, [join(root, 'test/conformance/archive-digests.py'), ...args], { encoding: 'utf8' });
}

test('writing the archive vectors gives the same files as those in spec/vectors', async () => {
  const files = await archiveVectorFiles();
  const there = ['archive', 'log'].flatMap((folder) =>
    readdirSync(join(VECTORS, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(VECTORS.length + 1)),
  );
  assert.deepEqual([...there, 'digests.json'].sort(), [...files.keys()].sort());
  for (const [path, bytes] of files)
    assert.ok(readFileSync(join(VECTORS, path)).equals(bytes), `${path} differs; run: node test/conformance/archive-vectors.ts`);
});

test('the archive of the vectors is sound, and has each case that a reader must handle', async () => {
  const store = await openFsStore({ directory: join(VECTORS, 'archive') });
  const { findings, summary } = await verifyArchive({ store });
  assert.deepEqual(findings, []);
  assert.deepEqual({ frames: summary.frames, cuts: summary.cuts, audio: summary.objects.audio }, { frames: 10, cuts: 2, audio: 5 });
  const keys = [...(await readObjects(store, 'audio/')).keys()].map((key) => key.split('19b76daa800abcde/')[1] ?? '');
  // In name order, the voice that lies 15 s later comes first.
  assert.deepEqual(keys, [
    '00000000000000000001-00000000000000720000.ogg',
    '00000000000000000002-00000000000000000000.ogg',
    '00000000000000000011-00000000000000720960.ogg',
    'late/00000000000000000005-00000000000000001920.ogg',
    'participant=01/00000000000000000004-00000000000000000000.ogg',
  ]);
  await store.close();
});

test("Python, written from the specification, recomputes every digest of the vectors and reads the log's records", async (t) => {
  const python = await requirePythonTool(t, 'pyarrow');
  if (python === undefined) return;
  const { status, stdout, stderr } = recompute(python, ...['archive', 'digests.json', 'log'].map((name) => join(VECTORS, name)));
  assert.equal(status, 0, stderr);
  const { digests } = JSON.parse(readFileSync(join(VECTORS, 'digests.json'), 'utf8'));
  assert.deepEqual(JSON.parse(stdout), {
    ...{ cuts: 3, frames: 2, marks: 2, statistics: 2, audio: 5, named: 11, records: 4 },
    digests: digests.length,
  });
});

for (const avroCodec of AVRO_CODECS)
  test(`Python recomputes every digest of an archive in ${avroCodec} with hours in one file and an erased broadcast`, async (t) => {
    const python = await requirePythonTool(t, 'pyarrow');
    if (python === undefined) return;
    const place = await makePlace(t);
    const log = makeLog(4_711, 30, (index) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7));
    await archiveUntil(await writeLog(place.directory, log), place, { avroCodec, windowMs: 2_000 });
    const [manifest = ''] = (await readObjects(place.store, 'cuts/')).keys();
    const name = parseManifestKey(manifest) ?? assert.fail(manifest);
    await compactHours({ store: place.store, name, from: 0, advance: async () => undefined, stepsMax: 1_000 });
    const [broadcast] = await findBroadcasts(place.store, 'bob');
    assert.ok(broadcast !== undefined);
    const sound = recompute(python, place.archive);
    assert.equal(sound.status, 0, sound.stderr);
    const { named, ...counts } = JSON.parse(sound.stdout);
    const objects = await readObjects(place.store);
    assert.equal(
      Object.values<number>(counts).reduce((sum, count) => sum + count),
      objects.size,
    );
    assert.equal(named, objects.size - counts.cuts - (counts.hourly ?? 0));
    await eraseBroadcast({ store: place.store, broadcast, now: () => Date.UTC(2027, 0, 1) });
    const erased = recompute(python, place.archive);
    assert.equal(erased.status, 0, erased.stderr);
  });

test('a changed digest is found in an object of each kind', async (t) => {
  const python = await requirePythonTool(t, 'pyarrow');
  if (python === undefined) return;
  const archive = join(tempDir(t), 'archive');
  cpSync(join(VECTORS, 'archive'), archive, { recursive: true });
  const keys = readdirSync(archive, { recursive: true, encoding: 'utf8' }).filter((key) => key.includes('.'));
  for (const kind of ['cuts/', 'frames/', 'marks/', 'statistics/', 'audio/']) {
    const key = keys.find((one) => one.startsWith(kind)) ?? assert.fail(kind);
    const bytes = readFileSync(join(archive, key));
    const { digest } = readObjectIdentity(key, bytes);
    const changed = Buffer.from(bytes);
    changed.write(digest.startsWith('0') ? '1' : '0', bytes.indexOf(digest));
    writeFileSync(join(archive, key), changed);
    const { status, stderr } = recompute(python, archive);
    assert.equal(status, 1, `${key}: ${stderr}`);
    assert.ok(stderr.includes(key), stderr);
    writeFileSync(join(archive, key), bytes);
  }
});
