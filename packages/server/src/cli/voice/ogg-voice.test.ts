// A file's meaning is its sound: gain, pre-skip, trimming, chains, channels, loops. The files are
// made by opusenc and ffmpeg; the output of opusdec is the reference.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pagesOf, withChecksum } from '../../../../../test/support/ogg-damage.ts';
import { requireTool } from '../../../../../test/support/require-tool.ts';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { decodedByOpusdec, findSound, runTool, type SentVoice, sendVoice } from '../../../../../test/support/voice-file.ts';
import { readOggOpus } from '../../format/ogg/index.ts';

/** Tones that never repeat within a file: 0.3 of full scale, of `samples` at 48 kHz. */
const sweep = (samples: number, channels = 1): string => {
  const tone = (hz: number) => `0.3*sin(2*PI*(${hz}*t+400*t*t))`;
  const all = channels === 1 ? tone(300) : `${tone(300)}|${tone(700)}`;
  return `aevalsrc=${all}:s=48000:d=${samples / 48_000}`;
};

interface Studio {
  readonly folder: string;
  /** Makes a WAV of `samples` samples. */
  readonly wav: (samples: number, channels?: number) => string;
  /** Encodes such a WAV with opusenc. */
  readonly opus: (samples: number, options?: { channels?: number; args?: string[] }) => string;
  readonly ffmpeg: (args: readonly string[]) => void;
  /** Decodes to stereo. */
  readonly decode: (path: string) => Float32Array;
  readonly write: (name: string, bytes: Uint8Array) => string;
}

/** Returns undefined after it has skipped the test. */
function studio(t: TestContext): Studio | undefined {
  const [ffmpeg, opusenc, opusdec] = ['ffmpeg', 'opusenc', 'opusdec'].map((name) => requireTool(t, name));
  if (!ffmpeg || !opusenc || !opusdec) return undefined;
  const folder = tempDir(t);
  let files = 0;
  const fresh = (type: string) => join(folder, `${++files}.${type}`);
  const run = (args: readonly string[]) => void runTool(ffmpeg, ['-v', 'error', ...args]);
  const wav = (samples: number, channels = 1) => {
    const path = fresh('wav');
    run(['-f', 'lavfi', '-i', sweep(samples, channels), path]);
    return path;
  };
  return {
    folder,
    wav,
    opus: (samples, { channels = 1, args = [] } = {}) => {
      const path = fresh('ogg');
      runTool(opusenc, ['--quiet', '--bitrate', '96', ...args, wav(samples, channels), path]);
      return path;
    },
    ffmpeg: run,
    decode: (path) => decodedByOpusdec(opusdec, path),
    write: (name, bytes) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    },
  };
}

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
const joined = (...paths: string[]): Uint8Array => new Uint8Array(Buffer.concat(paths.map(bytesOf)));

/** Returns the file with its OpusHead changed. */
function withHead(path: string, change: (head: DataView) => void): Uint8Array {
  const [first, ...rest] = pagesOf(bytesOf(path));
  assert.ok(first !== undefined);
  const page = first.slice();
  change(new DataView(page.buffer, 28));
  return new Uint8Array(Buffer.concat([withChecksum(page), ...rest]));
}

/** RMS of interleaved samples from `from` to before `to`. */
function level(sound: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (sound[i] ?? 0) ** 2;
  return Math.sqrt(sum / Math.max(1, to - from));
}

/**
 * How much louder the sound is than its difference from a second sound that should match, dB. Both
 * are mono.
 */
function likeness(sound: Float32Array, other: Float32Array, from: number, to: number): number {
  const difference = Float32Array.from({ length: to - from }, (_, i) => (sound[from + i] ?? 0) - (other[from + i] ?? 0));
  return 20 * Math.log10(level(other, from, to) / level(difference, 0, difference.length));
}

const left = (stereo: Float32Array): Float32Array => stereo.filter((_, i) => i % 2 === 0);

test('packets pass unchanged, and the sound ends where the file says: only the last packet is encoded again', async (t) => {
  const tools = studio(t);
  if (tools === undefined) return;
  for (const [samples, args] of [
    [100_003, []],
    [48_000, ['--framesize', '60']],
    [70_001, ['--framesize', '2.5', '--bitrate', '128']],
  ] as const) {
    const path = tools.opus(samples, { args: [...args] });
    const [link] = readOggOpus(bytesOf(path));
    assert.ok(link !== undefined && link.endTrim > 0, 'the file is trimmed');
    const sent = await sendVoice(path);
    const same = link.packets.findIndex(({ data }, i) => Buffer.compare(data, sent.packets[i] ?? Buffer.alloc(0)) !== 0);
    const trimmed = link.packets.length - same;
    assert.ok(trimmed >= 1 && trimmed <= 9, `${trimmed} packets of ${link.packets.length} did not pass`);
    assert.deepEqual([sent.warnings, sent.loss, sent.file.notes], [[], undefined, []]);
    const theirs = left(tools.decode(path));
    assert.equal(theirs.length, samples);
    assert.ok(sent.sound.length >= samples && sent.sound.length < samples + 960, `${sent.sound.length} for ${samples}`);
    assert.ok(
      likeness(sent.sound, theirs, samples - 1_920, samples - 240) > 15,
      `${likeness(sent.sound, theirs, samples - 1_920, samples - 240)} dB`,
    );
    assert.ok(level(sent.sound, samples + 120, sent.sound.length) < 0.01, 'silence after the end');
  }
});

test('a loop of a file of N samples has a period of exactly N, and no click at the seam', async (t) => {
  const tools = studio(t);
  if (tools === undefined) return;
  for (const samples of [30_011, 48_000, 20_160]) {
    const path = tools.opus(samples, { args: ['--bitrate', '160'] });
    const once = left(tools.decode(path));
    const { sound, positions, file } = await sendVoice(path, { loop: true, samplesMax: samples * 6, bitrate: 160_000 });
    assert.deepEqual(
      positions,
      positions.map((_, i) => i * 960),
      'without a hole',
    );
    assert.ok(file.samples !== undefined && Math.abs(file.samples - samples - file.format.preSkip) < 960);
    const looped = Float32Array.from({ length: samples * 5 }, (_, i) => once[i % samples] ?? 0);
    for (let pass = 0; pass < 5; pass++) {
      const whole = likeness(sound, looped, pass * samples, (pass + 1) * samples);
      assert.ok(whole > 12, `pass ${pass} of ${samples} samples: ${whole.toFixed(1)} dB`);
      if (pass === 0) continue;
      // A click is briefly louder than the sound itself.
      const from = pass * samples - 960;
      const largest = Math.max(...Array.from({ length: 1_920 }, (_, i) => Math.abs((sound[from + i] ?? 0) - (looped[from + i] ?? 0))));
      assert.ok(largest < 0.3, `at the seam before pass ${pass} of ${samples} samples: ${largest}`);
    }
  }
});

test('the gain that a header asks for is applied and reported', async (t) => {
  const tools = studio(t);
  if (tools === undefined) return;
  const plain = tools.opus(96_000);
  for (const decibels of [-12, 6]) {
    const path = tools.write(
      `gain${decibels}.ogg`,
      withHead(plain, (head) => head.setInt16(16, decibels * 256, true)),
    );
    const sent = await sendVoice(path);
    assert.deepEqual(sent.file.notes, [`encoding again at 96 kbit/s: its header asks for a gain of ${decibels.toFixed(1)} dB`]);
    const theirs = left(tools.decode(path));
    const difference = 20 * Math.log10(level(sent.sound, 4_800, 90_000) / level(theirs, 4_800, 90_000));
    assert.ok(Math.abs(difference) < 0.5, `${difference} dB from opusdec at ${decibels} dB`);
    assert.ok(likeness(sent.sound, theirs, 4_800, 90_000) > 12);
    assert.ok(sent.sound.length >= 96_000 && sent.sound.length < 96_960);
  }
});

test('the links of a chain are played one after another, each with its own channels, gain, pre-skip and end', async (t) => {
  const tools = studio(t);
  if (tools === undefined) return;
  const [mono, stereo] = [tools.opus(50_001), tools.opus(61_003, { channels: 2 })];
  const loud = tools.write(
    'loud.ogg',
    withHead(tools.opus(33_000), (head) => head.setInt16(16, -1_536, true)),
  );
  for (const parts of [
    [mono, stereo],
    [stereo, mono, loud],
    [loud, mono],
    [mono, mono],
  ]) {
    const path = tools.write('chain.ogg', joined(...parts));
    const sent = await sendVoice(path);
    const theirs: Float32Array[] = parts.map((part) => tools.decode(part));
    const total: number = theirs.reduce((sum, part) => sum + part.length / 2, 0);
    const played = sent.sound.length / sent.channels;
    assert.ok(played >= total && played < total + 960, `${played} samples for ${total}`);
    const whole = new Float32Array(theirs.flatMap((part) => [...part]));
    const { found, loud: windows, longestMissing } = findSound(whole, sent.sound, sent.channels);
    assert.ok(longestMissing <= 2 && found > windows * 0.97, `${found} of ${windows}, ${longestMissing}`);
    assert.equal(sent.file.samples === undefined, parts.length > 1 && parts.at(0) !== parts.at(-1));
  }
});

test('mapping family 1 is played: mono and stereo pass unchanged; uncoupled, mapped and surround channels are decoded', async (t) => {
  const tools = studio(t);
  if (tools === undefined) return;
  const wav = tools.wav(96_000, 2);
  const encode = (name: string, ...args: string[]) => {
    const path = join(tools.folder, name);
    tools.ffmpeg(['-i', wav, '-c:a', 'libopus', '-b:a', '192k', ...args, path]);
    return path;
  };
  for (const [path, channels] of [
    [encode('family1.ogg', '-mapping_family', '1'), 2],
    [encode('family1-mono.ogg', '-ac', '1', '-mapping_family', '1'), 1],
  ] as const) {
    const sent = await sendVoice(path);
    assert.deepEqual([sent.file.format.channels, sent.file.notes], [channels, []]);
    assert.ok(findSound(tools.decode(path), sent.sound, channels).longestMissing <= 1);
  }
  // Two uncoupled streams, which family 1 allows for stereo, and both channels exchanged.
  const uncoupled = encode('family255.ogg', '-mapping_family', '255');
  const two = tools.write(
    'uncoupled.ogg',
    withHead(uncoupled, (head) => head.setUint8(18, 1)),
  );
  const exchanged = tools.write(
    'exchanged.ogg',
    withHead(encode('family1b.ogg', '-mapping_family', '1'), (head) => {
      head.setUint8(21, 1);
      head.setUint8(22, 0);
    }),
  );
  for (const path of [two, exchanged]) {
    const sent: SentVoice = await sendVoice(path);
    const theirs: Float32Array = tools.decode(path);
    for (const channel of [0, 1]) {
      const one = (sound: Float32Array) => sound.filter((_, i) => i % 2 === channel);
      assert.ok(likeness(one(sent.sound), one(theirs), 4_800, 90_000) > 10, `${path}, channel ${channel}`);
    }
  }
  const surround = encode('surround.ogg', '-af', 'pan=5.1|FL=c0|FC=0.5*c0+0.5*c1|FR=c1|BL=0.3*c1|BR=0.3*c0', '-mapping_family', '1');
  const sent = await sendVoice(surround);
  assert.match(sent.file.notes.join(), /its 6 channels are mixed down to two/);
  assert.ok(findSound(tools.decode(surround), sent.sound, 2).longestMissing <= 2);
  await assert.rejects(sendVoice(uncoupled), /cannot be sent: it holds 2 channels without a known order \(mapping family 255\)/);
});
