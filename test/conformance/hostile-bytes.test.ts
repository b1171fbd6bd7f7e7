// Hostile bytes, a million strings in a full run: each reader of a server returns a value or throws
// WireError, and nothing else. Half of the strings are random; half are good messages with some
// bytes changed, cut, repeated or inserted. A seed replays a run.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DescMessage } from '@bufbuild/protobuf';
import {
  AudioSchema,
  ClientMessageSchema,
  decodeMotion,
  FrameSchema,
  framePayload,
  MotionSchema,
  opusPacketSamples,
  peekFrame,
  readStrictly,
  StreamHeaderSchema,
  WireError,
} from '@hayate/protocol';
import { checkFrame } from '../../packages/server/src/broadcast/frame-check.ts';
import { clientAddress } from '../../packages/server/src/gateway/client-address.ts';
import { parseAddress } from '../../packages/server/src/kernel/address.ts';
import { Networks } from '../../packages/server/src/kernel/networks.ts';
import { peekReceipt } from '../../packages/server/src/listener/receipt.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { root } from '../support/process.ts';
import { isFullRun } from '../support/require-tool.ts';

const INPUTS = isFullRun ? 110_000 : 5_000;
const RANDOM_BYTES_MAX = 80;

const strictly =
  (schema: DescMessage) =>
  (bytes: Uint8Array): unknown =>
    readStrictly(schema, bytes);
const proxies = new Networks('--trusted-proxies', ['127.0.0.0/8', '2001:db8::/32']);

/** Every reader of bytes that clients send. */
const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  peekFrame: (bytes) => framePayload(bytes, peekFrame(bytes)),
  'a frame of a broadcaster': (bytes) => {
    const header = peekFrame(bytes);
    return checkFrame(bytes, { stream: header.stream, epoch: header.epoch, frameBytesMax: 65_536, sequenceEnd: 2 ** 53 - 1 });
  },
  ClientMessage: strictly(ClientMessageSchema),
  Frame: strictly(FrameSchema),
  StreamHeader: strictly(StreamHeaderSchema),
  Audio: strictly(AudioSchema),
  Motion: strictly(MotionSchema),
  'a pose': decodeMotion,
  'an Opus packet': opusPacketSamples,
  'a receipt': peekReceipt,
  'X-Forwarded-For': (bytes) => {
    const address = clientAddress('127.0.0.1', Buffer.from(bytes).toString('latin1'), proxies);
    assert.ok(address === undefined || parseAddress(address) === address);
  },
};

const folder = join(root, 'spec/vectors');
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith('.bin'))
  .map((name) => readFileSync(join(folder, name)))
  .filter(({ length }) => length < 4_096);

/** Random bytes, mostly small numbers, as tags and lengths are. */
function randomBytes(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(random.integer(0, RANDOM_BYTES_MAX));
  const max = random.chance(0.5) ? 255 : 40;
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.integer(0, max);
  return bytes;
}

function changed(random: SeededRandom): Uint8Array {
  const bytes = Buffer.from(random.pick(vectors));
  const at = random.integer(0, Math.max(0, bytes.length - 1));
  switch (random.integer(0, 3)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(0, 64), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random).subarray(0, 6), bytes.subarray(at)]);
    default:
      for (let change = random.integer(1, 3); change > 0 && bytes.length > 0; change--)
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      return bytes;
  }
}

test('each reader of client messages gives a value or throws WireError, for any bytes', (t) => {
  const seed = Number(process.env.HAYATE_TEST_SEED ?? Date.now() % 2 ** 31);
  const random = new SeededRandom(seed);
  // The stack traces of a million errors cost more than the readers.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  t.after(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  let inputs = 0;
  for (const [name, read] of Object.entries(readers)) {
    let accepted = 0;
    let refused = 0;
    for (let input = 0; input < INPUTS; input++, inputs++) {
      const bytes = random.chance(0.5) ? randomBytes(random) : changed(random);
      try {
        read(bytes);
        accepted++;
      } catch (error) {
        assert.ok(
          error instanceof WireError || closeCodeOf(error) !== undefined,
          `seed ${seed}: ${name} throws ${error} for ${Buffer.from(bytes).toString('hex')}`,
        );
        refused++;
      }
    }
    assert.ok(accepted > 0, `${name} has accepted nothing: its inputs do not reach its inner checks`);
    assert.equal(accepted + refused, INPUTS);
  }
  t.diagnostic(`seed ${seed}: ${inputs.toLocaleString('en')} hostile inputs`);
});

/** The close code of a server's own refusal. */
function closeCodeOf(error: unknown): unknown {
  return error instanceof Error && 'closeCode' in error && error.closeCode !== 'INTERNAL' ? error.closeCode : undefined;
}
