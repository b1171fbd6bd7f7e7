// Names of every script on the command line: forbidden stream names, titles that are too long, and
// a recording with a Japanese name and a Japanese title on its way through a real server.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isStreamName } from '../../packages/protocol/src/index.ts';
import { dispatch } from '../../packages/server/src/cli/index.ts';
import { OggOpusWriter, readOggOpus, tagValue } from '../../packages/server/src/format/ogg/index.ts';
import { demoClip, runHayate, startHayate, startHayateServer } from '../support/hayate.ts';
import { tempDir } from '../support/temp-dir.ts';

/** The first seconds of the demo clip, with another title. */
function clipTitled(title: string, seconds: number): Uint8Array {
  const [link] = readOggOpus(demoClip(seconds).bytes);
  assert.ok(link !== undefined);
  const writer = new OggOpusWriter({ ...link.head, serial: 7, tags: [['TITLE', title]] });
  for (const { data } of link.packets) writer.write(data);
  return writer.end();
}

/** Runs a command in this process. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const io = {
    stdout: { write: (text: string | Uint8Array) => (stdout += String(text)) },
    stderr: { write: (text: string | Uint8Array) => (stderr += String(text)) },
    env: {},
    interrupted: new AbortController().signal,
  };
  return { code: await dispatch(args, io), stdout, stderr };
}

test('an invalid stream name gives one line with a valid suggestion', async (t) => {
  const folder = tempDir(t);
  const line = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual([code, stdout, stderr.split('\n').length], [2, '', 2], stderr);
    return stderr;
  };
  const made = await line('broadcast', 'clip.ogg', '--stream', '星');
  const [, proposal = ''] =
    /^hayate broadcast: "星" is not a stream name: 1 to 64 of A-Z a-z 0-9 _ -; (\S+) is valid \(/.exec(made) ?? assert.fail(made);
  assert.ok(isStreamName(proposal), proposal);
  assert.match(await line('broadcast', 'clip.ogg', '--stream', '夜 Radio'), /"夜 Radio" .*; Radio is valid \(/);
  assert.match(await line('broadcast', 'clip.ogg', '--stream', '\u001b[31mx\u202e'), /"\\u\{1b\}\[31mx\\u\{202e\}" .*; 31mx is valid \(/);
  assert.match(await line('watch', 'ｈｏｓｈｉ', '--out', join(folder, 'x.ogg')), /"ｈｏｓｈｉ" .*; hoshi is valid \(/);
  // No name is suggested for a broadcast that must already exist.
  assert.match(await line('watch', '星', '--out', join(folder, 'x.ogg')), /"星" is not a stream name: 1 to 64 of A-Z a-z 0-9 _ - \(/);
  for (const command of [
    ['ls', '星'],
    ['export', '星', '--out', '-'],
    ['erase', '星'],
  ])
    assert.match(await line('archive', ...command, '--data', folder), /"星" is not a stream name: 1 to 64 of/);
  assert.match(
    await line('broadcast', join(folder, 'none.ogg'), '--stream', 'hoshi', '--avatar', 'ftp://例え.jp/x'),
    /--avatar must be an https:\/\/ address/,
  );
});

test('a token that no server would accept is not signed', async () => {
  const secret = ['--watch', '*', '--jwt-secret', 'x'.repeat(32)];
  const fine = await run('token', ...secret, '--subject', '星野 ひかり', '--label', `名前=${'あ'.repeat(256)}`);
  assert.equal(fine.code, 0, fine.stderr);
  for (const [flags, words] of [
    [['--subject', '🎤'.repeat(129)], /--subject has 258 characters \(UTF-16 code units\), at most 256/],
    [['--label', `名前=${'あ'.repeat(257)}`], /--label 名前 has 257 characters/],
    [['--label', `${'名'.repeat(65)}=x`], /the name of a --label has 65 characters/],
  ] as const) {
    const refused = await run('token', ...secret, ...flags);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, words);
  }
});

test('a Japanese file with a Japanese title is broadcast, watched, recorded and archived under it', async (t) => {
  const folder = tempDir(t);
  const data = join(folder, 'データ 倉庫');
  const file = join(folder, '夜の ラジオ.ogg');
  const out = join(folder, '録音 1.ogg');
  const family = '👨‍👩‍👧‍👦';
  writeFileSync(file, clipTitled(`\ufeff${'夜'.repeat(195)}${family} と続く`, 3));
  const server = await startHayateServer(t, { data });
  const typed = await runHayate(t, ['broadcast', file, '--stream', 'hoshi', '--title', '🎤'.repeat(101), '--server', server.url]);
  assert.equal(typed.code, 2);
  assert.match(
    typed.stderr.join('\n'),
    /^hayate broadcast: --title has 202 characters \(UTF-16 code units\), at most 200 are allowed; use its beginning/,
  );

  const watch = startHayate(t, ['watch', 'hoshi', '--out', out, '--server', server.url]);
  await watch.untilLine(/^waiting for "hoshi" to go live$/);
  const broadcast = await runHayate(t, ['broadcast', file, '--stream', 'hoshi', '--server', server.url]);
  assert.equal(broadcast.code, 0, broadcast.lines.join('\n'));
  const warnings = broadcast.stderr.filter((line) => line.startsWith("warning: the file's title"));
  assert.deepEqual(warnings, [
    `warning: the file's title has ${195 + family.length + 4} characters (UTF-16 code units), at most 200 are allowed: it is cut to "${'夜'.repeat(195)}"`,
  ]);
  assert.deepEqual(await watch.exit, { code: 0, signal: null }, watch.lines.join('\n'));
  assert.ok(watch.lines.includes(`its title is ${'夜'.repeat(195)}`), watch.lines.join('\n'));
  assert.equal(tagValue(readOggOpus(readFileSync(out))[0]?.tags ?? [], 'TITLE'), '夜'.repeat(195));

  server.process.kill('SIGINT');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));
  const listed = await runHayate(t, ['archive', 'ls', '--json', '--data', data]);
  const { title, path } = JSON.parse(listed.stdout[0] ?? '') as { title: string; path: string };
  assert.equal(title, '夜'.repeat(195));
  assert.ok(path.startsWith(data) && readdirSync(path).length > 0, path);
  const exported = join(folder, '切り抜き　1.ogg');
  const cut = await runHayate(t, ['archive', 'export', 'hoshi', '--out', exported, '--data', data]);
  assert.equal(cut.code, 0, cut.lines.join('\n'));
  assert.ok(cut.stderr.some((line) => line.startsWith(`${exported}: `)));
  assert.ok(readdirSync(folder).includes('切り抜き　1.ogg'));
});
