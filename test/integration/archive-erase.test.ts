// `hayate archive erase` as users see it: its announcement, its question, and the archive it
// leaves.
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Output } from '../../packages/server/src/cli/command.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { makeLog } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, type Place, readObjects, writeLog } from '../support/archive-run.ts';
import { runHayate } from '../support/hayate.ts';

const packetOf = (index: number) => Uint8Array.of(0x78, index & 255, (index >> 8) & 255, 7);

/** An archive of broadcasts that ended long ago; --data is its parent directory. */
async function makeArchive(t: TestContext): Promise<Place & { data: string }> {
  const place = await makePlace(t);
  await archiveUntil(await writeLog(place.directory, makeLog(11, 40, packetOf)), place, { windowMs: 5_000, windowsPerCut: 2 });
  return { ...place, data: dirname(place.archive) };
}

/** Runs the command in this process. `answer` is the user's answer; undefined: no user is there. */
async function run(args: readonly string[], answer?: string): Promise<{ code: number; out: string; asked: string[] }> {
  let out = '';
  const asked: string[] = [];
  const output: Output = { write: (text) => (out += String(text)) };
  const ask = async (question: string) => {
    asked.push(question);
    return answer ?? '';
  };
  const interrupted = new AbortController().signal;
  const io = { stdout: output, stderr: output, env: {}, interrupted, ...(answer === undefined ? {} : { ask }) };
  return { code: await dispatch(['archive', 'erase', ...args], io), out, asked };
}

test('archive erase lists the broadcasts to erase, and erases nothing without confirmation', async (t) => {
  const { data, store } = await makeArchive(t);
  const before = await readObjects(store);
  const dry = await runHayate(t, ['archive', 'erase', 'bob', '--data', data, '--dry-run']);
  assert.equal(dry.code, 0);
  assert.match(dry.stdout.join('\n'), /^EPOCH +STARTED +FRAMES\n[0-9a-f]{16} +2026-05-03T17:59:\d\dZ +\d+ +to be erased$/m);
  // There is no terminal, so it asks no one.
  const alone = await runHayate(t, ['archive', 'erase', 'bob', '--data', data]);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr.at(-1) ?? '', /^hayate archive erase: there is no terminal to ask: confirm with --yes/);
  for (const answer of ['', 'y', 'alice']) {
    const refused = await run(['bob', '--data', data], answer);
    assert.equal(refused.code, 1);
    assert.match(refused.asked[0] ?? '', /^1 broadcast of .*archive will be erased permanently\. Type the stream's name to continue: $/);
    assert.match(refused.out, /nothing was erased\n$/);
  }
  assert.deepEqual(await readObjects(store), before);
});

test('archive erase erases the given broadcast, reports it, and finds it erased when it is run again', async (t) => {
  const { data, store } = await makeArchive(t);
  const named = await run(['bob', '--data', data], 'bob');
  assert.equal(named.code, 0);
  assert.match(named.out, /^erased 1 broadcast: replaced \d+ of frames, .*\d+ of audio, .*\d+ of manifests$/m);
  const listed = await runHayate(t, ['archive', 'ls', 'bob', '--data', data, '--json']);
  assert.deepEqual(listed.stdout, []);
  const once = await readObjects(store);
  const again = await runHayate(t, ['archive', 'erase', 'bob', '--data', data, '--yes']);
  assert.equal(again.code, 1);
  assert.match(again.stdout.join('\n'), /stays: erased \d{4}-/);
  assert.match(again.stderr.at(-1) ?? '', /^nothing can be erased$/);
  assert.deepEqual(await readObjects(store), once);
  const verified = await runHayate(t, ['archive', 'verify', '--data', data, '--without-log']);
  assert.equal(verified.code, 0, verified.stdout.join('\n'));
});

test('archive erase erases only the selected broadcasts', async (t) => {
  const { data, store } = await makeArchive(t);
  const before = await readObjects(store);
  const epochs = [...before.keys()].flatMap((key) => /^audio\/alice\/([0-9a-f]{16})\//.exec(key)?.[1] ?? []);
  const epoch = epochs[0] ?? assert.fail();
  const early = await run(['alice', '--before', '2026-05-03Z', '--data', data, '--yes']);
  assert.equal(early.code, 1);
  assert.match(early.out, /the archive has no such broadcast of alice\n$/);
  const other = await run(['alice', '--epoch', '0123456789abcdef', '--data', data, '--yes']);
  assert.equal(other.code, 1);
  assert.deepEqual(await readObjects(store), before);
  for (const args of [['../x'], ['alice', '--epoch', 'no'], ['alice', '--before', 'yesterday']])
    assert.equal((await run([...args, '--data', data, '--yes'])).code, 2, args.join(' '));
  const done = await run(['alice', '--epoch', epoch, '--before', '2026-05-04T00:00:00Z', '--data', data, '--yes']);
  assert.equal(done.code, 0, done.out);
  for (const [key, bytes] of await readObjects(store, 'audio/'))
    assert.equal(Buffer.compare(bytes, before.get(key) ?? new Uint8Array()) !== 0, key.includes(epoch), key);
});
