// Titles of every script in an archive, and titles that servers no longer accept: the text that
// people and programs read there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeFrame, forbiddenCharacter, Kind, mintEpoch } from '@hayate/protocol';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import { audioPayload, batchValue, headerPayload, STARTED_MS } from '../support/archive-broadcast.ts';
import { archiveUntil, makePlace, readObjects, writeLog } from '../support/archive-run.ts';
import { demoClip } from '../support/hayate.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { debianPython } from '../support/tool-package.mjs';

/** By stream: the title, and the text that readers show for it. */
const titles: Readonly<Record<string, readonly [title: string, shown: string]>> = {
  ascii: ['Evening radio', 'Evening radio'],
  japanese: ['今夜も歌枠、はじまるよ〜♪（初見さん歓迎）', '今夜も歌枠、はじまるよ〜♪（初見さん歓迎）'],
  emoji: ['👨‍👩‍👧‍👦 と 🇯🇵 の ❤️', '👨‍👩‍👧‍👦 と 🇯🇵 の ❤️'],
  arabic: ['مرحبا بكم\u200f (1)', 'مرحبا بكم\u200f (1)'],
  thai: ['สวัสดี กี่โมง', 'สวัสดี กี่โมง'],
  variant: ['葛\u{e0100}城 神', '葛\u{e0100}城 神'],
  // Accepted by servers before they refused such titles.
  hostile: ['\u001b[2J\u009b31m\u202egpj.exe\nnext\u2066', '[2J31mgpj.exe next'],
  blank: ['\u0000\u200b', ''],
};

/**
 * An archive with one broadcast for each title; its --data path has a Japanese name with spaces.
 */
async function makeArchive(t: TestContext): Promise<{ data: string; tags: Map<string, string> }> {
  const place = await makePlace(t);
  const packets = demoClip(1).packets.map(({ data }) => data);
  const entries = Object.entries(titles).map(([stream, [title]], i) => {
    const epoch = mintEpoch(STARTED_MS, i);
    const frame = { stream, epoch, captureUs: 0 };
    const frames = [
      encodeFrame({ ...frame, sequence: 0, kind: Kind.HEADER, payload: headerPayload({ title }) }),
      encodeFrame({ ...frame, sequence: 1, kind: Kind.AUDIO, position: 0, payload: audioPayload(packets, 30) }),
    ];
    return { stream, appendTimeMs: STARTED_MS + 1_000, value: batchValue(stream, epoch, frames, STARTED_MS + 1_000) };
  });
  await archiveUntil(await writeLog(place.directory, entries), place);
  const tags = new Map<string, string>();
  for (const [key, bytes] of await readObjects(place.store, 'audio/'))
    tags.set(key.split('/')[1] ?? '', tagValue(readOggOpus(bytes)[0]?.tags ?? [], 'TITLE') ?? '');
  const data = join(tempDir(t), '倉庫 データ');
  await rename(dirname(place.archive), data);
  return { data, tags };
}

async function run(args: readonly string[], isTTY = false): Promise<string> {
  let out = '';
  const output = { isTTY, write: (text: string | Uint8Array) => (out += String(text)) };
  const code = await dispatch(args, { stdout: output, stderr: output, env: {}, interrupted: new AbortController().signal });
  assert.equal(code, 0, out);
  return out;
}

const harmless = (out: string) => assert.equal(forbiddenCharacter(out, { lines: true }), undefined, JSON.stringify(out));

/**
 * Prints the terminal column at which the last word of each line begins, according to Python's
 * Unicode database.
 */
const columnOracle = `
import sys, unicodedata
for line in sys.stdin.buffer.read().decode().splitlines():
    columns = 0
    joined = False
    for character in line[:line.rindex('  ') + 2]:
        wide = unicodedata.east_asian_width(character) in 'WF'
        if character == '\\ufe0f':
            columns += 1
        elif not joined and unicodedata.category(character) not in ('Mn', 'Me', 'Cf'):
            columns += 2 if wide else 1
        joined = character == '\\u200d'
    print(columns)
`;

test('titles in every script are read back from an archive, and none of them controls a terminal', async (t) => {
  const { data, tags } = await makeArchive(t);
  const place = ['--data', data];
  const streams = Object.keys(titles);

  await t.test('an archive holds the titles as they were broadcast', () => {
    assert.deepEqual([...tags].sort(), streams.map((stream): [string, string] => [stream, titles[stream]?.[0] ?? '']).sort());
  });

  await t.test('archive ls shows the titles in an aligned table', async (t) => {
    const table = await run(['archive', 'ls', ...place], true);
    harmless(table);
    const lines = table.trimEnd().split('\n');
    assert.equal(lines.length, streams.length + 1);
    for (const [stream, [, shown]] of Object.entries(titles)) {
      const cell = stream === 'japanese' ? '今夜も歌枠、はじまるよ〜♪（初見…' : shown;
      assert.ok(
        lines.some((line) => line.startsWith(stream) && line.includes(`  ${cell}  `)),
        stream,
      );
    }
    if (requireTool(t, 'python3') === undefined) return;
    // The path is the last column. Its two spaces belong to the directory name, so the path is
    // replaced.
    const input = lines.map((line) => line.replaceAll(data, '/data')).join('\n');
    const { status, stdout, stderr } = spawnSync(debianPython, ['-c', columnOracle], { input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const columns = stdout.trim().split('\n');
    assert.equal(new Set(columns).size, 1, `${columns}\n${table}`);
  });

  await t.test('archive ls --json has the titles untruncated', async () => {
    const json = await run(['archive', 'ls', '--json', ...place]);
    harmless(json);
    const rows = json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { stream: string; title: string });
    for (const { stream, title } of rows) assert.equal(title, titles[stream]?.[1], stream);
    assert.equal(rows.length, streams.length);
  });

  await t.test('hayate query finds the titles in the statistics', async () => {
    const sql = "select stream, title from statistics where title like '%歌枠%' or stream = 'hostile' order by stream";
    harmless(await run(['query', sql, ...place], true));
    harmless(await run(['query', sql, '--csv', ...place], true).then((csv) => csv.replaceAll('\r', '')));
    const json = await run(['query', sql, '--json', ...place]);
    harmless(json);
    const rows = json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(rows, [
      { stream: 'hostile', title: titles.hostile?.[0] },
      { stream: 'japanese', title: titles.japanese?.[0] },
    ]);
  });

  await t.test('the HTTP API lists the titles cleaned', async (t) => {
    const server = await startTestServer(t, ['--data', data]);
    const headers = { Authorization: `Bearer ${await server.token({ moderate: ['*'] })}` };
    const answer = await fetch(`${server.url}/api/archive/broadcasts`, { headers });
    const text = await answer.text();
    harmless(text);
    const { broadcasts } = JSON.parse(text) as { broadcasts: { stream: string; title: string }[] };
    assert.equal(broadcasts.length, streams.length);
    for (const { stream, title } of broadcasts) assert.equal(title, titles[stream]?.[1], stream);
  });
});
