// WAV files in every format. Oracles: ffmpeg and sox.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { chunk, extension, type FormatFields, format, pcm16, readAll, riff } from '../../../../../test/support/wav.ts';
import {
  decodedByFfmpeg,
  decodedBySox,
  type MadeFile,
  makeFiles,
  recipes,
  runTool,
  wavTools,
} from '../../../../../test/support/wav-oracle.ts';

const tone = (channels: number, sampleRate: number) =>
  `aevalsrc=${Array.from({ length: channels }, (_, channel) => `0.${9 - (channel % 8)}*sin(2*PI*${300 + 130 * channel}*t)`).join('|')}:s=${sampleRate}:d=0.11`;

function assertSame(sound: Float32Array, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(sound.length, expected.length, what);
  for (let i = 0; i < sound.length; i++) {
    const difference = Math.abs((sound[i] ?? Number.NaN) - (expected[i] ?? Number.NaN));
    assert.ok(difference <= tolerance, `${what}: ${sound[i]} for ${expected[i]} at ${i}`);
  }
}

/** Half a step of 24 bits, the precision of a 32-bit float near full scale. */
const FLOAT_STEP = 2 ** -24;

test('every format that ffmpeg and sox write is read to the same samples that ffmpeg or sox decode', async (t) => {
  const tools = wavTools(t);
  if (tools === undefined) return;
  const files = makeFiles(t, tools, recipes);
  // Debian's ffmpeg refuses floating-point RIFX; sox does not.
  const isForSox = ({ recipe }: MadeFile) => recipe.args.includes('big');
  const paths = files.filter((file) => !isForSox(file)).map(({ path }) => path);
  const decoded = new Map(decodedByFfmpeg(t, tools.ffmpeg, paths).map((samples, i) => [paths[i], samples]));
  for (const file of files) {
    const { path, what, recipe } = file;
    const theirs: Float64Array = decoded.get(path) ?? decodedBySox(tools.sox, path);
    const wav = await readAll(readFileSync(path), { pieceBytes: 1_000 });
    assert.deepEqual(
      [wav.channels, wav.sampleRate, wav.samples],
      [recipe.channels, recipe.sampleRate, theirs.length / recipe.channels],
      what,
    );
    assert.ok(theirs.length > 800, what);
    assertSame(wav.sound, theirs, FLOAT_STEP, what);
    assert.deepEqual(wav.warnings, [], what);
  }
});

test('all 256 codes of A-law and µ-law decode as in ffmpeg, also in extensible formats', async (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const [code, name] of [
    [6, 'alaw'],
    [7, 'mulaw'],
  ] as const) {
    const raw = runTool(ffmpeg, ['-v', 'error', '-f', name, '-ar', '8000', '-ac', '1', '-i', '-', '-f', 's16le', '-'], codes);
    const expected = Array.from({ length: 256 }, (_, i) => raw.readInt16LE(2 * i) / 0x8000);
    const plain = format({ code, bits: 8, sampleRate: 8_000 }, Buffer.alloc(2));
    const extensible = format({ code: 0xfffe, bits: 8, sampleRate: 8_000 }, extension({ validBits: 8, mask: 4, code }));
    // Some writers give the bits of the decoded samples.
    const sixteen = format({ code, bits: 16, blockBytes: 1, sampleRate: 8_000 });
    for (const fields of [plain, extensible, sixteen]) {
      const wav = await readAll(riff([chunk('fmt ', fields), chunk('data', codes)]));
      assertSame(wav.sound, expected, 0, name);
    }
  }
});

const samples = Array.from({ length: 500 }, (_, i) => Math.round(20_000 * Math.sin(i / 7)));
const sixteen = samples.map((sample) => sample / 0x8000);
const integers = (width: number) => Buffer.concat(samples.map((sample) => leftJustified(sample, width)));

function leftJustified(sample: number, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeInt16LE(sample, width - 2);
  return bytes;
}

test('samples with fewer valid bits than their container are read by their upper bits', async () => {
  const cases: [fields: FormatFields, more: Uint8Array, width: number, warns: boolean][] = [
    [{ code: 0xfffe, bits: 32 }, extension({ validBits: 24, mask: 4, code: 1 }), 4, false],
    [{ code: 0xfffe, bits: 24 }, extension({ validBits: 20, mask: 4, code: 1 }), 3, false],
    [{ code: 0xfffe, bits: 32 }, extension({ validBits: 20, mask: 4, code: 1 }), 4, false],
    [{ code: 0xfffe, bits: 16 }, extension({ validBits: 12, mask: 4, code: 1 }), 2, false],
    [{ code: 0xfffe, bits: 16 }, extension({ validBits: 0, mask: 0, code: 1 }), 2, false],
    [{ bits: 12, blockBytes: 2 }, Buffer.alloc(0), 2, false],
    [{ bits: 20, blockBytes: 3 }, Buffer.alloc(2), 3, false],
    [{ bits: 24, blockBytes: 4 }, Buffer.alloc(2), 4, true],
    [{ bits: 64 }, Buffer.alloc(2), 8, false],
  ];
  for (const [fields, more, width, warns] of cases) {
    const wav = await readAll(riff([chunk('fmt ', format(fields, more)), chunk('data', integers(width))]));
    assertSame(wav.sound, sixteen, 0, JSON.stringify(fields));
    assert.equal(wav.warnings.length, warns ? 1 : 0, wav.warnings.join());
  }
});

test('a header that contradicts itself is reported, and read as ffmpeg and sox read it', async (t) => {
  const tools = wavTools(t);
  if (tools === undefined) return;
  const folder = tempDir(t);
  const cases: FormatFields[] = [{ blockBytes: 7 }, { blockBytes: 0 }, { blockBytes: 4 }, { channels: 2, blockBytes: 2 }, { byteRate: 17 }];
  const files = cases.map((fields, i) => ({
    what: JSON.stringify(fields),
    path: join(folder, `${i}.wav`),
    bytes: riff([chunk('fmt ', format(fields)), chunk('data', pcm16(samples))]),
  }));
  for (const { path, bytes } of files) writeFileSync(path, bytes);
  const paths = files.map(({ path }) => path);
  const decoded = decodedByFfmpeg(t, tools.ffmpeg, paths);
  for (const [i, { what, path, bytes }] of files.entries()) {
    const wav = await readAll(bytes);
    assertSame(wav.sound, decoded[i] ?? [], 0, what);
    assertSame(wav.sound, decodedBySox(tools.sox, path), 0, what);
    assert.equal(wav.warnings.length, 1, what);
  }
});

test('nonsensical fields are replaced by values from other fields', async () => {
  const cases: [fields: FormatFields, warning: RegExp | undefined][] = [
    [{ bits: 0, blockBytes: 2 }, undefined],
    [{ bits: 999, blockBytes: 2 }, /1 channels of 999 bits in blocks of 2 bytes; read as 1 channels of 16 bits/],
    [{ channels: 0, blockBytes: 2 }, /0 channels of 16 bits in blocks of 2 bytes; read as 1 channels of 16 bits/],
    [{ channels: 60_001, blockBytes: 2 }, /read as 1 channels/],
    [{ channels: 66, blockBytes: 2 }, /66 channels of 16 bits in blocks of 2 bytes; read as 1 channels of 16 bits/],
    [{ sampleRate: 0, byteRate: 96_000 }, /: 0 Hz, but 96000 bytes a second; read at 48000 Hz/],
    [{ sampleRate: 0x8000_bb80, byteRate: 96_000 }, /but 96000 bytes a second; read at 48000 Hz/],
  ];
  for (const [fields, warning] of cases) {
    const wav = await readAll(riff([chunk('fmt ', format(fields)), chunk('data', pcm16(samples))]));
    assert.equal(wav.sampleRate, 48_000);
    assertSame(wav.sound, sixteen, 0, JSON.stringify(fields));
    assert.match(wav.warnings.join(), warning ?? /^$/);
  }
});

test('format chunks of 14, 16, 18, 20 and 40 bytes are read, and an extensible one that is too short counts as plain', async () => {
  const cases: [body: Buffer, warnings: number][] = [
    [format().subarray(0, 14), 0],
    [format(), 0],
    [format({}, Buffer.alloc(2)), 0],
    [format({}, Buffer.from([2, 0, 0, 0])), 0],
    [format({}, Buffer.alloc(1_000)), 0],
    [format({ code: 0xfffe }, extension({ validBits: 16, mask: 4, code: 1 })), 0],
    [format({ code: 0xfffe }), 1],
    [format({ code: 0xfffe }, extension({ validBits: 16, mask: 4, code: 1 }).subarray(0, 20)), 1],
  ];
  for (const [body, warnings] of cases) {
    const wav = await readAll(riff([chunk('fmt ', body), chunk('data', pcm16(samples))]));
    assertSame(wav.sound, sixteen, 0, body.toString('hex'));
    assert.equal(wav.warnings.length, warnings, wav.warnings.join());
  }
});

test('numbers beyond full scale are clipped, and values that are not numbers are silence; both are reported', async () => {
  const values = [0.5, 1.5, -3, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e-40];
  for (const [bits, array] of [
    [32, Float32Array],
    [64, Float64Array],
  ] as const) {
    const data = new Uint8Array(array.from(values).buffer);
    const wav = await readAll(riff([chunk('fmt ', format({ code: 3, bits })), chunk('data', data)]));
    assert.deepEqual(wav.sound, Float32Array.from([0.5, 1, -1, 0, 0, 0, -1, 1e-40]));
    assert.deepEqual(wav.warnings, [
      '2 of its samples are beyond full scale; they were clipped',
      '3 of its samples are not numbers; they were read as silence',
    ]);
  }
});

test('coded audio in a WAV file is named in the error, with a command to convert it', async (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const made: [codec: string, sampleRate: number, name: RegExp][] = [
    ['adpcm_ms', 44_100, /Microsoft ADPCM/],
    ['adpcm_ima_wav', 44_100, /IMA ADPCM/],
    ['libgsm_ms', 8_000, /GSM 6\.10/],
    ['libmp3lame', 44_100, /MP3/],
    ['mp2', 44_100, /MP2/],
    ['ac3', 48_000, /AC-3/],
    ['g722', 16_000, /G\.722/],
    ['g726', 8_000, /G\.726/],
    ['wmav2', 44_100, /Windows Media/],
    ['flac', 44_100, /FLAC/],
  ];
  const folder = tempDir(t);
  const outputs = made.flatMap(([codec, sampleRate]) => ['-ar', `${sampleRate}`, '-c:a', codec, join(folder, `${codec}.wav`)]);
  runTool(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', tone(1, 48_000), ...outputs]);
  for (const [codec, , name] of made) {
    const bytes = readFileSync(join(folder, `${codec}.wav`));
    await assert.rejects(readAll(bytes), { code: 'BAD_REQUEST', message: name }, codec);
    await assert.rejects(readAll(bytes), /; convert it first: ffmpeg -i FILE -c:a pcm_s16le out\.wav$/);
  }
  // Players read these as noise: the header says PCM.
  for (const [muxer, codec] of [
    ['dts', 'dca'],
    ['spdif', 'ac3'],
  ] as const) {
    const coded = runTool(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', tone(2, 48_000), '-c:a', codec, '-strict', '-2', '-f', muxer, '-']);
    const file = riff([chunk('fmt ', format({ channels: 2 })), chunk('data', Buffer.concat([Buffer.alloc(64), coded]))]);
    await assert.rejects(readAll(file), { code: 'BAD_REQUEST', message: /its samples are .*DTS.*ffmpeg -i/ });
  }
});

test('formats that cannot be read are refused in one line that says why', async () => {
  const cases: [fields: FormatFields, more: Uint8Array, line: RegExp][] = [
    [{ code: 0x1234 }, Buffer.alloc(0), /of format 4660 with 16 bits, which is not supported; convert it first/],
    [{ code: 3, bits: 16 }, Buffer.alloc(0), /floating-point numbers of 16 bits; 32 and 64 bits are supported/],
    [{ bits: 999, blockBytes: 0 }, Buffer.alloc(0), /its samples have 999 bits; 8, 16, 24, 32 and 64 are supported/],
    [{ channels: 0, blockBytes: 0 }, Buffer.alloc(0), /it has 0 channels; 1 to 128 are supported/],
    [{ sampleRate: 999 }, Buffer.alloc(0), /its sample rate is 999 Hz; 1000 to 768000 Hz are supported/],
    [{ sampleRate: 768_001 }, Buffer.alloc(0), /its sample rate is 768001 Hz/],
    [{ code: 0xfffe }, Buffer.alloc(24, 7), /have an unsupported format \((07)+\); convert/],
  ];
  for (const [fields, more, line] of cases)
    await assert.rejects(
      readAll(riff([chunk('fmt ', format(fields, more)), chunk('data', pcm16(samples))])),
      { code: 'BAD_REQUEST', message: line },
      JSON.stringify(fields),
    );
});

test('more than two channels are mixed down as ffmpeg mixes them', async (t) => {
  const ffmpeg = requireTool(t, 'ffmpeg');
  if (ffmpeg === undefined) return;
  const layouts = { '2.1': 3, '3.0': 3, quad: 4, '4.0': 4, '5.0': 5, '5.1': 6, '5.1(side)': 6, '6.1': 7, '7.1': 8 };
  const folder = tempDir(t);
  const names = Object.keys(layouts);
  const inputs = Object.entries(layouts).flatMap(([name, channels]) => ['-f', 'lavfi', '-i', `${tone(channels, 48_000)}:c=${name}`]);
  const wavs = names.flatMap((name, i) => ['-map', `${i}`, '-c:a', 'pcm_s16le', join(folder, `${name}.wav`)]);
  const mixes = names.flatMap((name, i) => ['-map', `${i}`, '-c:a', 'pcm_s16le', '-ac', '2', '-f', 's16le', join(folder, `${name}.raw`)]);
  runTool(ffmpeg, ['-v', 'error', ...inputs, ...wavs, ...mixes]);
  for (const [name, channels] of Object.entries(layouts)) {
    const wav = await readAll(readFileSync(join(folder, `${name}.wav`)));
    const raw = readFileSync(join(folder, `${name}.raw`));
    const theirs = Array.from({ length: raw.length / 2 }, (_, i) => raw.readInt16LE(2 * i) / 0x8000);
    assert.deepEqual([wav.channels, wav.warnings], [2, [`it has ${channels} channels; they are mixed down to 2`]]);
    assertSame(wav.sound, theirs, 2 / 0x8000, name);
  }
});

test("no channel is lost if the file does not name the channels' places", async () => {
  for (const channels of [3, 4, 6, 8, 128])
    for (let heard = 0; heard < channels; heard++) {
      const frames = Array.from({ length: 20 * channels }, (_, i) => (i % channels === heard ? 16_384 : 0));
      const { sound } = await readAll(riff([chunk('fmt ', format({ channels })), chunk('data', pcm16(frames))]));
      const [left = 0, right = 0] = sound;
      assert.equal(sound.length, 40);
      assert.ok(left + right > 0.5 / channels, `${heard} of ${channels}: ${left} ${right}`);
      assert.equal(left > 0, heard !== 1);
      assert.equal(right > 0, heard !== 0);
    }
});
