// Recordings are detected by their content, and sources of every kind are read as their bytes
// arrive.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { demoClip } from '../../../../../test/support/hayate.ts';
import { pagesOf } from '../../../../../test/support/ogg-damage.ts';
import { requireFullRun, requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { runTool, sendVoice } from '../../../../../test/support/voice-file.ts';
import { HayateError } from '../../kernel/error.ts';
import { recordingKind, shellQuoted } from './recording-kind.ts';
import { openVoiceFile } from './voice-file.ts';

const clip = demoClip(2);

test('each kind of recording that cannot be sent is named, with a command that converts it', async (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const folder = tempDir(t);
  const cases: [file: string, options: string[], name: string][] = [
    ['vorbis.ogg', ['-c:a', 'libvorbis'], 'an Ogg file that holds Vorbis, not Opus'],
    ['flac.ogg', ['-c:a', 'flac'], 'an Ogg file that holds FLAC, not Opus'],
    ['speex.ogg', ['-c:a', 'libspeex', '-ar', '16000'], 'an Ogg file that holds Speex, not Opus'],
    ['a.flac', [], 'a FLAC file'],
    ['a b.mp3', [], 'an MP3 file'],
    ['no-tag.mp3', ['-id3v2_version', '0', '-write_xing', '0'], 'an MP3 file'],
    ['low.mp3', ['-ar', '16000', '-b:a', '24k', '-id3v2_version', '0'], 'an MP3 file'],
    ['a.aac', [], 'an AAC file'],
    ['a.m4a', [], 'an MPEG-4 file (M4A or MP4)'],
    ['a.webm', ['-c:a', 'libopus'], 'a WebM or Matroska file'],
    ['a.mka', ['-c:a', 'libopus'], 'a WebM or Matroska file'],
    ['a.aiff', [], 'an AIFF file'],
    ['a.caf', ['-c:a', 'pcm_s16be'], 'a CAF file'],
    ['a.au', [], 'an AU file'],
    ['a.wma', [], 'a Windows Media file'],
    ['a.ac3', [], 'an AC-3 file'],
    ['a.wv', [], 'a WavPack file'],
  ];
  for (const [file, options, name] of cases) {
    const path = join(folder, file);
    runTool(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', 'sine=d=1', ...options, path]);
    const quoted = file.includes(' ') ? `'${path}'` : path;
    await assert.rejects(sendVoice(path), (error) => {
      assert.ok(error instanceof HayateError);
      assert.equal(error.message, `${path} is ${name}; convert it with: ffmpeg -i ${quoted} -vn -c:a libopus out.ogg`);
      return true;
    });
    // The content decides, whatever the name says, also from a pipe.
    await assert.rejects(
      sendVoice('-', { stdin: Readable.from([readFileSync(path)]) }),
      /^HayateError: standard input is an? .*; convert it first: /,
    );
  }
  const theora = join(folder, 'video.ogv');
  const makeVideo = (audioCodec: string) => {
    const inputs = ['testsrc=d=1:s=64x64', 'sine=d=1'].flatMap((source) => ['-f', 'lavfi', '-i', source]);
    runTool(ffmpeg, ['-v', 'error', '-y', ...inputs, '-c:v', 'libtheora', '-c:a', audioCodec, theora]);
  };
  makeVideo('libvorbis');
  await assert.rejects(sendVoice(theora), /is an Ogg file that holds Theora and Vorbis, not Opus; convert it with: /);
  makeVideo('libopus');
  const sent = await sendVoice(theora);
  assert.deepEqual(sent.warnings, ['1 other stream in the file not played']);
  assert.ok(Math.abs(sent.sound.length - 48_000) < 960);
});

test('the error for a file that is not a recording names its kind', async (t) => {
  const folder = tempDir(t);
  for (const [bytes, line] of [
    ['', / is empty$/],
    ['hello\n', / is a text file, neither Ogg\/Opus nor WAV$/],
    ['こんにちは。'.repeat(3_000), / is a text file, neither/],
    ['<!DOCTYPE html><title>404</title>', / is a web page, neither/],
    ['PK\x03\x04'.padEnd(200, 'x'), / is a ZIP file, neither/],
    ['\x01\x02\x03\x04'.repeat(40_000), / is neither an Ogg\/Opus nor a WAV file$/],
    ['OggS', / cannot be sent: its beginning, which is needed to decode it, is missing$/],
    ['RIFF', / cannot be sent: it ends within its header$/],
  ] as const) {
    const path = join(folder, 'x');
    writeFileSync(path, bytes, bytes.includes('こ') ? 'utf8' : 'latin1');
    await assert.rejects(sendVoice(path), (error) => error instanceof HayateError && line.test(error.message), bytes.slice(0, 20));
  }
  await assert.rejects(sendVoice(folder), (error) => error instanceof HayateError && error.message === `${folder}: is a directory`);
  const headless = join(folder, 'headless.ogg');
  writeFileSync(headless, Buffer.concat(pagesOf(clip.bytes).slice(1)));
  await assert.rejects(sendVoice(headless), /its beginning, which is needed to decode it, is missing/);
});

test('the kind of a live source is known from its first bytes', () => {
  assert.equal(recordingKind(Buffer.from('OggS'), false)?.kind, 'ogg');
  assert.equal(recordingKind(Buffer.from('RIFF\0\0\0\0WAVE'), false)?.kind, 'wav');
  assert.equal(recordingKind(Buffer.from('Og'), false), undefined);
});

test('file names are quoted so that a shell takes them literally', (t) => {
  const sh = requireTool(t, 'bash');
  if (sh === undefined) return;
  for (const name of ['a.ogg', 'a b.ogg', 'it\'s $HOME `id` "x" \\.ogg', '日本.ogg', "new\nline's\\.ogg", '*', 'a;b&c|d'])
    assert.equal(execFileSync(sh, ['-c', `printf %s ${shellQuoted(name)}`], { encoding: 'utf8' }), name);
  assert.equal(shellQuoted('-i.ogg'), './-i.ogg');
});

test('a recording is read from a pipe piece by piece, and gives its first packets before its last bytes arrive', async () => {
  const pipe = new PassThrough();
  const opening = openVoiceFile('-', { bitrate: 96_000, loop: false, stdin: pipe, signal: new AbortController().signal });
  const half = Math.floor(clip.bytes.length / 2);
  for (const byte of clip.bytes.subarray(0, half)) pipe.write(Uint8Array.of(byte));
  const file = await opening;
  assert.deepEqual([file.isLive, file.samples, file.title], [true, undefined, 'A clip']);
  const packets = file.packets()[Symbol.asyncIterator]();
  const first = await packets.next();
  assert.deepEqual(Buffer.from(first.value?.packet ?? []), Buffer.from(clip.packets[0]?.data ?? []));
  pipe.end(clip.bytes.subarray(half));
  let count = 1;
  for (let next = await packets.next(); next.done !== true; next = await packets.next()) count++;
  assert.equal(count, clip.packets.length);
  await file.close();
  await assert.rejects(
    sendVoice('-', { loop: true, stdin: new PassThrough() }),
    /--loop needs a file that can be read again; standard input/,
  );
});

test('a loop of a WAV file has exactly its period, without a seam', async (t) => {
  const path = join(tempDir(t), 'tone.wav');
  const samples = 10_007;
  // A tone whose period does not divide the file: a pass that is a sample too long would be out of
  // phase.
  const tone = Float32Array.from(
    { length: samples },
    (_, i) => 0.3 * Math.sin((2 * Math.PI * 441 * i) / 48_000) * Math.sin((Math.PI * i) / samples),
  );
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples * 2, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 2],
    [34, 16],
  ] as const)
    header.writeUInt16LE(value, at);
  header.writeUInt32LE(48_000, 24);
  header.writeUInt32LE(96_000, 28);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples * 2, 40);
  writeFileSync(path, Buffer.concat([header, new Uint8Array(Int16Array.from(tone, (value) => Math.round(value * 32_767)).buffer)]));
  const { sound } = await sendVoice(path, { loop: true, samplesMax: samples * 5, bitrate: 128_000 });
  let [error, power] = [0, 0];
  for (let i = 0; i < samples * 4; i++) {
    const expected = tone[i % samples] ?? 0;
    error += ((sound[i] ?? 0) - expected) ** 2;
    power += expected ** 2;
  }
  assert.ok(10 * Math.log10(power / error) > 15, `${10 * Math.log10(power / error)} dB`);
});

test('waiting for a silent pipe ends when it is interrupted', async () => {
  const interruption = new AbortController();
  const opening = openVoiceFile('-', { bitrate: 96_000, loop: false, stdin: new PassThrough(), signal: interruption.signal });
  interruption.abort();
  await assert.rejects(opening, { name: 'AbortError' });
});

test('a file of more than 2 GiB is read in little memory, and sound after a hole of zeros is found', async (t) => {
  if (!requireFullRun(t, 'reads 2 GiB')) return;
  const path = join(tempDir(t), 'huge.ogg');
  const pages = pagesOf(clip.bytes);
  writeFileSync(path, Buffer.concat(pages.slice(0, 3)));
  truncateSync(path, 2 ** 31 + 1_000);
  writeFileSync(path, Buffer.concat(pages.slice(3)), { flag: 'a' });
  const before = process.memoryUsage.rss();
  const sent = await sendVoice(path);
  assert.equal(sent.packets.length, clip.packets.length);
  assert.ok(process.memoryUsage.rss() - before < 300 * 2 ** 20);
  assert.match(sent.warnings.join(), /^21474\d+ bytes outside of Ogg pages skipped/);
});
