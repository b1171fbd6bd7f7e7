// Files of more than 4 GiB. Only the header and the last samples have content, and nothing is
// written to disk. The bytes of the samples are read and counted, but not decoded, which would take
// minutes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunk, format, riff } from '../../../../../test/support/wav.ts';
import { ByteReader } from './byte-reader.ts';
import { openContainer } from './container.ts';
import { RunReader } from './sample-run.ts';

const GIB = 2 ** 30;
/** 8 channels of 64 bits: a long frame, so that few frames fill gigabytes. */
const FRAME_BYTES = 64;
const fmt = chunk('fmt ', format({ code: 3, channels: 8, bits: 64, sampleRate: 192_000 }));
const zeros = new Uint8Array(1 << 20);
const last = new Float64Array(8).fill(0.5);

/** `header`, then `dataBytes` of zeros except for the last frame, then `trailer`. */
async function* largeFile(header: Uint8Array, dataBytes: number, trailer: Uint8Array): AsyncGenerator<Uint8Array> {
  yield header;
  for (let left = dataBytes - FRAME_BYTES; left > 0; left -= zeros.length) yield left < zeros.length ? zeros.subarray(0, left) : zeros;
  yield new Uint8Array(last.buffer);
  yield trailer;
}

async function readLarge(file: AsyncIterable<Uint8Array>) {
  const warnings: string[] = [];
  const facts = { warn: (line: string) => warnings.push(line) };
  const reader = new ByteReader(file);
  const chunks = new RunReader(reader, await openContainer(reader, facts.warn), facts);
  let [bytes, longest] = [0, 0];
  let [promised, end]: [number | undefined, Uint8Array] = [undefined, new Uint8Array(0)];
  for await (const run of chunks.runs()) {
    promised = run.frames;
    for await (const block of run.bytes ?? []) {
      bytes += block.length;
      longest = Math.max(longest, block.length);
      end = block.length < FRAME_BYTES ? Buffer.concat([end, block]) : block;
    }
  }
  return {
    promised,
    frames: bytes / FRAME_BYTES,
    longest,
    end: new Float64Array(Uint8Array.from(end.subarray(-FRAME_BYTES)).buffer),
    warnings,
  };
}

const dataBytes = 4 * GIB + FRAME_BYTES * 1_000;
const frames = dataBytes / FRAME_BYTES;
const list = chunk('LIST', Buffer.from('INFOISFT\x04\0\0\0test', 'latin1'));

test('RF64 of more than 4 GiB is read to its last sample, in blocks that stay small', async () => {
  const ds64 = Buffer.alloc(28);
  ds64.writeBigUInt64LE(BigInt(dataBytes), 8);
  const none = { size: 0xffff_ffff };
  const header = riff([chunk('ds64', ds64), fmt, chunk('data', Buffer.alloc(0), none)], { id: 'RF64', ...none });
  const before = process.memoryUsage();
  const read = await readLarge(largeFile(header, dataBytes, list));
  assert.deepEqual([read.promised, read.frames, read.warnings, read.end], [frames, frames, [], last]);
  assert.ok(read.longest <= 32_768, `a block of ${read.longest} bytes`);
  const { arrayBuffers } = process.memoryUsage();
  assert.ok(arrayBuffers - before.arrayBuffers < 256 * 2 ** 20, `${arrayBuffers} bytes in buffers`);
});

test('data with a wrapped 32-bit size is read to the last sample, and metadata after it is not read as samples', async () => {
  const header = riff([fmt, chunk('data', Buffer.alloc(0), { size: dataBytes % 2 ** 32 })], { size: 1_000 });
  const read = await readLarge(largeFile(header, dataBytes, list));
  assert.deepEqual([read.frames, read.end], [frames, last]);
  assert.match(
    read.warnings.join(),
    /its header promises 1000 samples \(0\.01 s\), but 67108864 samples \(349\.53 s\) more follow; all were read/,
  );
});
