// The tolerant reader, compared with the strict one on good files in any pieces, and tested on
// damage with a known result.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opusPacketSamples } from '@hayate/protocol';
import fc from 'fast-check';
import { createDecoder } from 'libopus-wasm';
import { pagesOf, withChecksum } from '../../../../../test/support/ogg-damage.ts';
import { NoOpusError, OggOpusWriter, type OggTroubleKind, readOggOpus, readVoice, type VoiceItem } from './index.ts';
import { PACKET_BYTES_MAX } from './packet-assembler.ts';
import { readOpusTags } from './tolerant-header.ts';

/** A 20 ms CELT packet, identified by its bytes. */
const packet = (n: number, length = 3) => Uint8Array.from({ length }, (_, i) => [0xf8, n & 0xff, n >> 8][i] ?? n & 0xff);

/** A file of `count` packets: two header pages, then a second per page. */
function file(count: number, { serial = 7, preSkip = 312, first = 0 } = {}): Uint8Array {
  const writer = new OggOpusWriter({ serial, channels: 1, preSkip, tags: [['TITLE', 'A clip']] });
  for (let i = 0; i < count; i++) writer.write(packet(first + i));
  return writer.end();
}

interface Reading {
  readonly items: VoiceItem[];
  readonly trouble: Partial<Record<OggTroubleKind, number>>;
}

async function read(bytes: Uint8Array, pieces: readonly number[] = []): Promise<Reading> {
  async function* source() {
    let at = 0;
    for (const length of pieces) {
      if (length > 0) yield bytes.subarray(at, at + length);
      at += length;
    }
    yield bytes.subarray(at);
  }
  const trouble: Partial<Record<OggTroubleKind, number>> = {};
  const items: VoiceItem[] = [];
  for await (const item of readVoice(source(), (kind, amount) => (trouble[kind] = (trouble[kind] ?? 0) + amount))) items.push(item);
  return { items, trouble };
}

const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** The numbers of the packets in order, with gaps as negative samples. */
const story = ({ items }: Reading): number[] =>
  items.flatMap((item) =>
    item.kind === 'link' ? [] : item.kind === 'gap' ? [-item.samples] : [(item.data[1] ?? 0) | ((item.data[2] ?? 0) << 8)],
  );
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** A changed page with a correct checksum. */
function edited(page: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const copy = page.slice();
  change(new DataView(copy.buffer), copy);
  return withChecksum(copy);
}

test('a good file reads as the strict reader reads it, however it is cut into pieces', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.array(fc.nat(3_000), { maxLength: 40 }), async (lengths, pieces) => {
      const writer = new OggOpusWriter({ serial: 1, channels: 2, preSkip: 312, tags: [['A', 'x'.repeat(70_000)]] });
      for (const [i, length] of lengths.entries()) writer.write(packet(i, length));
      const bytes = writer.end();
      const [link] = readOggOpus(bytes);
      const { items, trouble } = await read(bytes, pieces);
      const [begin, ...packets] = items;
      assert.ok(begin?.kind === 'link');
      assert.deepEqual(begin.tags, link?.tags);
      assert.deepEqual(
        packets.map((item) => item.kind === 'packet' && Buffer.from(item.data)),
        link?.packets.map(({ data }) => Buffer.from(data)),
      );
      assert.deepEqual(trouble, {});
    }),
    { numRuns: 60 },
  );
});

test('a missing page leaves a gap of its length, and nothing else is lost', async () => {
  const pages = pagesOf(file(250));
  // Pages 0 and 1 are headers; each other page holds 50 packets.
  const { items, trouble } = await read(joined(...pages.filter((_, i) => i !== 3)));
  assert.deepEqual(story({ items, trouble }), [...range(0, 50), -48_000, ...range(100, 250)]);
  assert.deepEqual(trouble, { missingPage: 1, lostTime: 48_000 });
});

test('pages out of order or repeated are read in order of arrival, and their time is counted once', async () => {
  const pages = pagesOf(file(250));
  const order = (...numbers: number[]) => read(joined(...numbers.map((n) => pages[n] ?? assert.fail())));
  const swapped = await order(0, 1, 2, 4, 3, 5, 6);
  assert.deepEqual(story(swapped), [...range(0, 50), -48_000, ...range(100, 150), ...range(50, 100), ...range(150, 250)]);
  const repeated = await order(0, 1, 2, 3, 3, 4, 5, 6);
  assert.deepEqual(story(repeated), [...range(0, 100), ...range(50, 250)]);
  assert.equal(swapped.trouble.pageOrder, 1);
  const numbered = pages.map((page, i) => (i === 4 ? edited(page, (view) => view.setUint32(18, 0xffff_fff0, true)) : page));
  const { trouble, ...rest } = await read(joined(...numbered));
  assert.deepEqual([story({ trouble, ...rest }), trouble.missingPage], [range(0, 250), undefined]);
});

test('a damaged page, junk before, between and after pages, and a cut end affect nothing else', async () => {
  const whole = file(250);
  const pages = pagesOf(whole);
  const torn = pages[4]?.slice() ?? assert.fail();
  torn[100] = (torn[100] ?? 0) ^ 1;
  const id3 = Buffer.from('ID3\x04\0\0\0\0\0\x05hello', 'latin1');
  const fake = Buffer.from('OggS\0\0 and more', 'latin1');
  const reading = await read(
    joined(id3, ...pages.slice(0, 3), fake, pages[3] ?? assert.fail(), torn, ...pages.slice(5), new Uint8Array(9)),
  );
  assert.deepEqual(story(reading), [...range(0, 100), -48_000, ...range(150, 250)]);
  assert.deepEqual(Object.keys(reading.trouble).sort(), ['junk', 'lostTime', 'missingPage', 'tornPage']);
  for (const cut of [whole.length - 1, whole.length - 120, whole.length - 300]) {
    const { trouble, ...rest } = await read(whole.subarray(0, cut));
    const packets = story({ trouble, ...rest });
    assert.deepEqual(packets, range(0, packets.length));
    assert.ok(packets.length >= 150 && trouble.noEnd === 1 && (trouble.cutPage ?? 0) > 0);
  }
});

test('wrong positions do not move the sound: huge, negative, decreasing, missing, or another stream start', async () => {
  const pages = pagesOf(file(250));
  for (const granule of [0n, 1n, -1n, -5n, 2n ** 62n, -(2n ** 63n), 96_000n + 480_000n, 96_000n + 960n]) {
    const changed = pages.map((page, i) => (i === 3 ? edited(page, (view) => view.setBigInt64(6, granule, true)) : page));
    const reading = await read(joined(...changed));
    assert.deepEqual(story(reading), range(0, 250), String(granule));
    assert.deepEqual(reading.trouble, { granule: 1 });
  }
  const shifted = pages.map((page, i) =>
    i < 2 ? page : edited(page, (view) => view.setBigInt64(6, view.getBigInt64(6, true) + 9_999_999n, true)),
  );
  const reading = await read(joined(...shifted));
  assert.deepEqual([story(reading), reading.trouble], [range(0, 250), {}], 'cut out of a longer stream');
});

test('time that positions skip without a missing page is a gap if the next page agrees', async () => {
  const pages = pagesOf(file(250));
  const later = pages.map((page, i) =>
    i < 3 ? page : edited(page, (view) => view.setBigInt64(6, view.getBigInt64(6, true) + 24_000n, true)),
  );
  assert.deepEqual(story(await read(joined(...later))), [...range(0, 50), -24_000, ...range(50, 250)]);
  const muchLater = pages.map((page, i) =>
    i < 3 ? page : edited(page, (view) => view.setBigInt64(6, view.getBigInt64(6, true) + 48_000n * 3_600n, true)),
  );
  assert.deepEqual(story(await read(joined(...muchLater))), range(0, 250), 'a jump of an hour is removed');
});

test('packets that are empty or not Opus are skipped, and their time is kept if positions show it', async () => {
  const pages = pagesOf(file(250));
  // A page of 50 packets of 3 bytes: the first body byte of each is a TOC byte. 0xff 0x00 is a
  // packet of no frames.
  const changed = pages.map((page, i) => (i === 3 ? edited(page, (_, bytes) => bytes.set([0xff, 0x00], 27 + 50 + 30)) : page));
  const reading = await read(joined(...changed));
  assert.deepEqual(story(reading), [...range(0, 60), -960, ...range(61, 250)]);
  assert.deepEqual(reading.trouble, { badPacket: 1, lostTime: 960 });
  const empty = pages.map((page, i) =>
    i === 3 ? edited(joined(page.subarray(0, 27), Uint8Array.of(0), page.subarray(28, 77), page.subarray(80)), () => undefined) : page,
  );
  assert.deepEqual(story(await read(joined(...empty))), [...range(0, 50), -960, ...range(51, 250)]);
});

test("the end is trimmed at the last page's position, within a limit", async () => {
  const pages = pagesOf(file(200));
  const ending = (granule: bigint) =>
    joined(
      ...pages.slice(0, -1),
      edited(pages.at(-1) ?? assert.fail(), (view) => view.setBigInt64(6, granule, true)),
    );
  const kept = async (granule: bigint) => {
    const { items } = await read(ending(granule));
    return items.reduce((sum, item) => sum + (item.kind === 'packet' ? item.keep : 0), 0);
  };
  assert.equal(await kept(192_000n), 192_000);
  assert.equal(await kept(191_999n), 191_999);
  assert.equal(await kept(190_000n), 190_000);
  assert.equal(await kept(144_001n), 144_001);
  assert.equal(await kept(0n), 192_000, 'a position before the page is wrong');
});

test('links follow one another, also with the same serial number or without an end', async () => {
  const first = file(60);
  const cut = joined(...pagesOf(file(100)).slice(0, 3));
  for (const second of [file(60, { first: 1_000 }), file(60, { first: 1_000, serial: 9 })]) {
    const reading = await read(joined(first, second));
    assert.deepEqual(story(reading), [...range(0, 60), ...range(1_000, 1_060)]);
    assert.equal(reading.items.filter(({ kind }) => kind === 'link').length, 2);
    assert.deepEqual(reading.trouble, {});
    assert.deepEqual(story(await read(joined(cut, second))), [...range(0, 50), ...range(1_000, 1_060)]);
  }
});

test('the first Opus stream of several parallel streams is read', async () => {
  const voice = pagesOf(file(100));
  const begin = (magic: string, serial: number, flags = 2) =>
    withChecksum(
      joined(
        Buffer.from('OggS\0', 'latin1'),
        Uint8Array.of(flags),
        new Uint8Array(8),
        Uint8Array.of(serial, 0, 0, 0),
        new Uint8Array(8),
        Uint8Array.of(1, magic.length),
        Buffer.from(magic, 'latin1'),
      ),
    );
  const skeleton = begin('fishead\0'.padEnd(64, '\0'), 77);
  const theora = begin('\x80theora'.padEnd(42, '\0'), 78);
  const [head = assert.fail(), tags = assert.fail(), ...rest] = voice;
  const mixed = joined(
    skeleton,
    theora,
    head,
    begin('fisbone\0', 77, 0),
    tags,
    begin('data', 78, 0),
    ...rest.flatMap((page) => [page, begin('data', 78, 0)]),
  );
  const reading = await read(mixed);
  assert.deepEqual([story(reading), reading.trouble], [range(0, 100), { otherStream: 2 }]);
  await assert.rejects(read(joined(begin('\x01vorbis', 1), begin('data', 1, 0))), (error) => {
    assert.ok(error instanceof NoOpusError);
    assert.deepEqual(error.codecs, ['Vorbis']);
    return true;
  });
});

test('tags are read as far as they can be', () => {
  const text = (value: string | Uint8Array) => {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    return joined(new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes);
  };
  const packet = (count: number, ...parts: Uint8Array[]) =>
    joined(Buffer.from('OpusTags'), text('v'), new Uint8Array(Uint32Array.of(count).buffer), ...parts);
  const latin = Buffer.from('TITLE=caf\xe9', 'latin1');
  const odd = readOpusTags(packet(5, text(latin), text('no equals sign'), text(''), text('=value'), text('artist=me')));
  assert.deepEqual(odd.tags, [
    ['TITLE', 'café'],
    ['artist', 'me'],
  ]);
  assert.deepEqual(odd.trouble, { notUtf8: 1, notTags: 3, isCut: false });
  for (const cut of [
    packet(2, text('TITLE=x')),
    packet(1_000_000, text('TITLE=x')),
    packet(2, text('TITLE=x'), Uint8Array.of(255, 255, 255, 255, 65)),
  ]) {
    const { tags, trouble } = readOpusTags(cut);
    assert.deepEqual([tags, trouble.isCut], [[['TITLE', 'x']], true]);
  }
  for (let length = 0; length < 30; length++) readOpusTags(packet(2, text('TITLE=x'), text('A=b')).subarray(0, length));
});

test('a packet above the memory limit is cut, so that tags with huge pictures still give a title', async () => {
  const writer = new OggOpusWriter({
    serial: 1,
    channels: 1,
    preSkip: 0,
    tags: [
      ['TITLE', 'x'],
      ['METADATA_BLOCK_PICTURE', 'A'.repeat(PACKET_BYTES_MAX + 1_000_000)],
    ],
  });
  for (let i = 0; i < 50; i++) writer.write(packet(i));
  const reading = await read(writer.end());
  const [link] = reading.items;
  assert.ok(link?.kind === 'link' && link.tags[0]?.[1] === 'x');
  assert.deepEqual(story(reading), range(0, 50));
  assert.equal(reading.trouble.tagsCut, 1);
});

test('padding is removed from packets that are too long to send, and they sound the same', async () => {
  const decoder = await createDecoder({ channels: 1, sampleRate: 48_000 });
  const frames = [1, 2, 3].map((n) => Uint8Array.from({ length: 100 }, (_, i) => (i * 37 + n * 11) & 0xff));
  for (const padding of [0, 1, 253, 254, 255, 20_000, 200_000]) {
    const lengths = [...Array.from({ length: Math.floor(padding / 254) }, () => 255), padding % 254];
    const padded = joined(Uint8Array.of(0xfb, 0x43, ...lengths), ...frames, new Uint8Array(padding));
    const writer = new OggOpusWriter({ serial: 1, channels: 1, preSkip: 0 });
    for (let i = 0; i < 3; i++) writer.write(padded);
    const { items } = await read(writer.end());
    const packets = items.flatMap((item) => (item.kind === 'packet' ? [item.data] : []));
    assert.equal(packets.length, 3);
    for (const packet of packets) {
      assert.ok(packet.length === padded.length ? padded.length <= 8_192 : packet.length === 302);
      assert.equal(opusPacketSamples(packet), opusPacketSamples(padded));
      decoder.decodeFloat(padded);
    }
  }
  decoder.free();
});

test('no bytes crash the reader: it returns items or reports that there is no voice', async () => {
  const good = file(60);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }).map((changes) => {
      const copy = good.slice();
      for (const [at, value] of changes) copy[at] = value;
      return joined(...pagesOf(copy).map(withChecksum));
    }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (input) => {
      try {
        for (const item of (await read(input)).items)
          if (item.kind === 'packet') assert.ok(item.keep > 0 && item.keep <= item.samples && item.samples <= 5_760);
      } catch (error) {
        assert.ok(error instanceof NoOpusError, String(error));
      }
    }),
    { numRuns: 1_500 },
  );
});
