// Where samples begin and end in a WAV file, whatever sizes it gives.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chunk, format, pcm16, readAll, riff, streamOf } from '../../../../../test/support/wav.ts';
import { findWav, readWav } from './index.ts';

const samples = Array.from({ length: 2_400 }, (_, i) => Math.round(20_000 * Math.sin(i / 7)));
const data = pcm16(samples);
const sound = Float32Array.from(samples, (sample) => sample / 0x8000);
const list = chunk('LIST', Buffer.from(`INFOISFT${'\x06\0\0\0'}a test`, 'latin1'));
const fmt = chunk('fmt ', format());

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

test('a whole file is read without a warning, in pieces of any size', async () => {
  for (const pieceBytes of [1, 3, 44, 4_096, 100_000]) {
    const wav = await readAll(riff([fmt, list, chunk('data', data), list]), { pieceBytes });
    assert.deepEqual([wav.channels, wav.sampleRate, wav.samples, wav.warnings], [1, 48_000, 2_400, []]);
    assert.deepEqual(wav.sound, sound);
  }
});

test('a data size that its writer never filled in, or filled in too early, is read to the end, with a warning', async () => {
  for (const size of [0, 2, 100, 4_798, 0xffff_ffff, 0xffff_fff7, 0x7fff_ffff, 0x7fff_f000, 0x8000_0000])
    for (const riffSize of [0, 36, 100, undefined, 0xffff_ffff, size + 36])
      for (const isLengthKnown of [true, false]) {
        const bytes = riff([fmt, chunk('data', data, { size })], riffSize === undefined ? {} : { size: Math.min(riffSize, 0xffff_ffff) });
        const wav = await readAll(bytes, isLengthKnown ? { fileBytes: bytes.length } : {});
        const what = `${size} ${riffSize} ${isLengthKnown}`;
        assert.deepEqual(wav.sound, sound, what);
        assert.equal(wav.warnings.length, 1, what);
        const isUnknown = size === 0 || size > 1_000_000;
        assert.match(
          wav.warnings[0] ?? '',
          isUnknown
            ? /^its header gives no length; 2400 samples \(0\.05 s\) were read up to its end$/
            : /^its header promises \d+ samples \(\d\.\d\d s\), but \d+ samples \(\d\.\d\d s\) more follow; all were read$/,
          what,
        );
        if (isUnknown) assert.equal(wav.samples, isLengthKnown ? 2_400 : undefined, what);
      }
});

test('metadata after samples of unknown length is not read as samples', async () => {
  const trailers = [
    list,
    chunk('id3 ', Buffer.from('ID3\x04\0\0\0\0\0\0')),
    chunk('_PMX', Buffer.from('<?xpacket begin="?"')),
    chunk('iXML', Buffer.from('<?xml version="1.0"?>')),
  ];
  for (const size of [0, 100, 0xffff_ffff])
    for (const trailer of trailers)
      for (const pieceBytes of [1, 7, 50_000]) {
        const wav = await readAll(riff([fmt, chunk('data', data, { size }), trailer, list]), { pieceBytes });
        assert.deepEqual(wav.sound, sound);
        assert.equal(wav.warnings.length, 1);
      }
  const tooLarge = riff([fmt, chunk('data', data, { size: 100_000 }), list]);
  const wav = await readAll(tooLarge, { fileBytes: tooLarge.length });
  assert.deepEqual(wav.sound, sound);
  assert.deepEqual(
    wav.warnings,
    ['its header promises 50000 samples (1.04 s), it holds 2400 samples (0.05 s)'].map((line) => `it ends early: ${line}`),
  );
});

test('chunks after the samples are not read as samples, whether their names are known or not', async () => {
  const names =
    'LIST id3  ID3  bext cue  smpl inst junk JUNK PAD  FLLR fact PEAK iXML axml _PMX cart acid afsp chna DISP LGWV SAUR plst MD5 '.match(
      /.{4}/g,
    );
  for (const id of [...(names ?? []), 'Xyz1', 'abcd'])
    for (const length of [0, 4, 5, 40, 3_000])
      for (const pad of [true, false]) {
        const trailer = chunk(id, Buffer.alloc(length, 77), { pad });
        const wav = await readAll(riff([fmt, chunk('data', data), trailer, list]));
        assert.deepEqual(wav.sound, sound, `${id} ${length} ${pad}`);
        assert.deepEqual(wav.warnings, [], `${id} ${length} ${pad}`);
        const last = await readAll(riff([fmt, chunk('data', data), trailer]));
        assert.deepEqual([last.sound.length, last.warnings], [2_400, []], `${id} ${length} ${pad} at the end`);
      }
  // A file cut within its last chunk has lost no sample.
  const cut = riff([fmt, chunk('data', data), chunk('bext', Buffer.alloc(602))]);
  assert.deepEqual((await readAll(cut.subarray(0, -100))).warnings, []);
});

test('tags that other programs append are not read as samples, and other bytes at the end are reported', async () => {
  const id3v1 = Buffer.concat([Buffer.from('TAG'), Buffer.alloc(125, 65)]);
  const ape = Buffer.from('APETAGEX\xd0\x07\0\0', 'latin1');
  const id3v2 = Buffer.from('ID3\x03\0\0\0\0\0\x05hello', 'latin1');
  for (const tag of [id3v1, ape, id3v2]) {
    const wav = await readAll(Buffer.concat([riff([fmt, chunk('data', data)]), tag]));
    assert.deepEqual([wav.sound, wav.warnings], [sound, []]);
  }
  const odd = await readAll(Buffer.concat([riff([fmt, chunk('data', data)]), Buffer.from('\n')]));
  assert.deepEqual(odd.sound, sound);
  assert.deepEqual(odd.warnings, ['it ends within a sample; 1 bytes were left out']);
  const line = await readAll(Buffer.concat([riff([fmt, chunk('data', data)]), Buffer.alloc(64)]));
  assert.deepEqual(line.sound.subarray(0, 2_400), sound);
  assert.match(line.warnings.join(), /but 32 samples \(0\.00 s\) more follow/);
  const second = await readAll(Buffer.concat([riff([fmt, chunk('data', data)]), riff([fmt, chunk('data', data)])]));
  assert.deepEqual([second.sound, second.warnings], [sound, ['another recording follows in the file; it was not read']]);
});

test('odd chunks are found with and without their padding', async () => {
  for (const pad of [true, false]) {
    const odd = chunk('LIST', Buffer.from('INFO!'), { pad });
    const eight = chunk('data', Buffer.from([0, 64, 128, 192, 255]), { pad });
    const wav = await readAll(riff([odd, chunk('fmt ', format({ bits: 8 })), odd, eight, odd, eight]));
    const once = [-1, -0.5, 0, 0.5, 127 / 128];
    assert.deepEqual([...wav.sound], [...once, ...once], `padded: ${pad}`);
    assert.deepEqual(wav.warnings, []);
  }
});

test('samples before their format, in several chunks, and in lists with silence are one recording', async () => {
  const half = [chunk('data', data.subarray(0, 2_000)), chunk('data', data.subarray(2_000))];
  for (const chunks of [
    [chunk('data', data), fmt],
    [chunk('data', data), list, fmt, list],
    [...half, fmt],
    [fmt, ...half],
    half.flatMap((one, i) => (i === 0 ? [fmt, one, list] : [list, one])),
    [fmt, chunk('data', Buffer.alloc(0)), list, chunk('data', data)],
    [fmt, chunk('junk', Buffer.alloc(3)), fmt, chunk('data', data)],
    [fmt, chunk('LIST', Buffer.concat([Buffer.from('wavl'), ...half]))],
  ]) {
    const wav = await readAll(riff(chunks));
    assert.deepEqual([wav.sound, wav.warnings], [sound, []]);
  }
  const [first = fmt, second = fmt] = half;
  const silent = await readAll(riff([fmt, chunk('LIST', Buffer.concat([Buffer.from('wavl'), first, chunk('slnt', u32(9_999)), second]))]));
  assert.deepEqual(silent.sound, Float32Array.from([...sound.subarray(0, 1_000), ...new Float32Array(9_999), ...sound.subarray(1_000)]));
  const endless = await readAll(riff([fmt, chunk('data', data), chunk('slnt', u32(0xffff_ffff))]));
  assert.equal(endless.sound.length, 2_400 + 600 * 48_000);
  assert.match(endless.warnings.join(), /asks for 4294967295 samples of silence/);
});

test('bytes that precede the file are skipped, and reported', async () => {
  const whole = riff([fmt, chunk('data', data)]);
  const id3 = Buffer.concat([Buffer.from('ID3\x04\0\0\0\0\x01\0', 'latin1'), Buffer.alloc(128, 82)]);
  for (const prefix of [
    id3,
    Buffer.from('\n'),
    Buffer.from('RIFF????'),
    Buffer.alloc(5_000, 'RIFF'),
    Buffer.concat([id3, Buffer.from('RIFF')]),
  ]) {
    const wav = await readAll(Buffer.concat([prefix, whole]), { pieceBytes: 33 });
    assert.deepEqual(wav.sound, sound);
    assert.deepEqual(wav.warnings, [`${prefix.length} bytes that are not WAV precede its header; they were skipped`]);
  }
  assert.equal(findWav(whole), 0);
  assert.equal(findWav(Buffer.concat([Buffer.alloc(77), whole])), 77);
  assert.equal(findWav(Buffer.from('OggS, RIFF, RF64, and other text')), undefined);
});

test('RF64 and BW64 use the sizes in ds64, if it has any', async () => {
  const ds64 = (riffSize: number, dataSize: bigint): Buffer => {
    const body = Buffer.alloc(28);
    body.writeBigUInt64LE(BigInt(riffSize), 0);
    body.writeBigUInt64LE(dataSize, 8);
    return chunk('ds64', body);
  };
  const none = { size: 0xffff_ffff };
  for (const id of ['RF64', 'BW64']) {
    const whole = await readAll(
      riff([ds64(0, 4_800n), fmt, chunk('data', data, none), chunk('axml', Buffer.from('<x/>'))], { id, ...none }),
    );
    assert.deepEqual([whole.samples, whole.sound, whole.warnings], [2_400, sound, []]);
    for (const dataSize of [0n, 0xffff_ffff_ffff_ffffn, 100n]) {
      const wav = await readAll(riff([ds64(0, dataSize), fmt, chunk('data', data, none), list], { id, ...none }));
      assert.deepEqual(wav.sound, sound, `${id} ${dataSize}`);
      assert.equal(wav.warnings.length, 1);
    }
    const lost = await readAll(riff([fmt, chunk('data', data, none)], { id, ...none }));
    assert.deepEqual([lost.sound, lost.warnings.length], [sound, 1]);
    const plain = await readAll(riff([ds64(0, 0n), fmt, chunk('data', data), list], { id }));
    assert.deepEqual([plain.sound, plain.warnings], [sound, []]);
  }
});

test('a file cut at any byte is read up to there, or refused in one line', async () => {
  const whole = riff([fmt, list, chunk('data', data), list]);
  const begin = whole.indexOf('data') + 8;
  for (let length = 0; length < whole.length; length += length < begin + 8 || length > begin + 4_790 ? 1 : 97)
    for (const isLengthKnown of [true, false]) {
      const options = isLengthKnown ? { fileBytes: length } : {};
      const frames = Math.min(2_400, Math.floor((length - begin) / 2));
      if (frames < 1) {
        await assert.rejects(
          readAll(whole.subarray(0, length), options),
          { code: 'BAD_REQUEST', message: /^(it (ends within its header|is not|holds )|its format is cut short)/ },
          `${length}`,
        );
        continue;
      }
      const wav = await readAll(whole.subarray(0, length), options);
      assert.deepEqual(wav.sound, sound.subarray(0, frames), `${length}`);
      const [early, within] = wav.warnings;
      if (frames === 2_400) assert.deepEqual(wav.warnings, []);
      else
        assert.ok(
          (early ?? '').startsWith(`it ends early: its header promises 2400 samples (0.05 s), it holds ${frames} samples (`),
          early ?? 'no warning',
        );
      assert.equal(within, length % 2 === begin % 2 || frames === 2_400 ? undefined : 'it ends within a sample; 1 bytes were left out');
    }
});

test('a file without samples is refused', async () => {
  const cases: [bytes: Uint8Array, line: RegExp][] = [
    [Buffer.alloc(0), /^it ends within its header$/],
    [Buffer.from('RIFF'), /^it ends within its header$/],
    [Buffer.alloc(100), /^it is not a RIFF\/WAVE file$/],
    [riff([]), /^it holds neither a format nor samples$/],
    [riff([fmt]), /^it holds no samples$/],
    [riff([fmt, chunk('data', Buffer.alloc(0))]), /^it holds no samples$/],
    [riff([fmt, chunk('data', Buffer.alloc(0)), list]), /^it holds no samples$/],
    [riff([fmt, chunk('data', Buffer.alloc(0), { size: 0xffff_ffff })]), /^it holds no samples: it ends within its chunk "data"$/],
    [riff([fmt, chunk('data', Buffer.alloc(1), { pad: false })]), /^it holds no samples/],
    [riff([chunk('data', data)]), /^the format of its samples is missing$/],
    [
      riff([chunk('data', data, { size: 0xffff_ffff })]),
      /^its samples come before their format|^the format of its samples is missing: it ends within its chunk "data"$/,
    ],
    [
      riff([fmt, chunk('LIST', Buffer.alloc(9), { size: 0x7fff_ffff }), chunk('data', data)]),
      /^it holds no samples: it ends within its chunk "LIST"$/,
    ],
    [chunk('RIFF', Buffer.from('AVI LIST')), /^it is a RIFF file of kind "AVI ", not WAVE$/],
    [Buffer.from('FORM....AIFFCOMM'), /^it is an AIFF file; convert it first: ffmpeg -i FILE out\.wav$/],
    [Buffer.from('caff\0\x01\0\0desc...'), /^it is a CAF file/],
    [Buffer.from('.snd\0\0\0\x18........'), /^it is a Sun AU file/],
  ];
  for (const [bytes, line] of cases) await assert.rejects(readAll(bytes), { code: 'BAD_REQUEST', message: line }, String(line));
});

test('the source is closed: after the last sample, when reading stops early, and when the file is refused', async () => {
  const open = (bytes: Uint8Array) => {
    const state = { isClosed: false };
    async function* source() {
      try {
        for (;;) yield* streamOf(bytes, 100);
      } finally {
        state.isClosed = true;
      }
    }
    return { state, source: source() };
  };
  const warn = () => undefined;
  const refused = open(Buffer.alloc(100));
  await assert.rejects(readWav(refused.source, { warn }));
  assert.ok(refused.state.isClosed);
  const stopped = open(riff([fmt, chunk('data', data)]));
  for await (const block of (await readWav(stopped.source, { warn })).blocks()) {
    assert.ok(block.length > 0);
    break;
  }
  assert.ok(stopped.state.isClosed);
});

test('any bytes are read or refused, and never crash the reader', async () => {
  const whole = riff([fmt, list, chunk('data', data.subarray(0, 40)), list]);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 6 }),
      fc.nat(whole.length),
      fc.integer({ min: 1, max: 50 }),
      async (changes, length, pieceBytes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const wav = await readAll(bytes.subarray(0, length), { pieceBytes });
          assert.ok(wav.sound.length > 0 && wav.sound.every((value) => Math.abs(value) <= 1));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'BAD_REQUEST', String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
