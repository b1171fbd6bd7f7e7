import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema } from '@hayate/protocol';
import fc from 'fast-check';
import { peekReceipt } from './receipt.ts';

const encode = (message: MessageInitShape<typeof ClientMessageSchema>) =>
  toBinary(ClientMessageSchema, create(ClientMessageSchema, message));
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

test('a receipt that the generated codec wrote is read, with any epoch and any sequence that a viewer can reach', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 49n - 1n }), (epoch, sequence) => {
      assert.deepEqual(peekReceipt(encode({ receipt: { epoch, sequence } })), { epoch, sequence: Number(sequence) });
    }),
  );
});

test("every receipt that is read equals the generated codec's and holds no other field: altered receipts, other messages, random bytes", () => {
  const receipt = fc.record({ epoch: uint64, sequence: uint64 }).map((fields) => encode({ receipt: fields }));
  const altered = fc
    .tuple(receipt, fc.array(fc.tuple(fc.nat(24), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(22))
    .map(([bytes, changes, length]) => {
      const copy = new Uint8Array(length % 2 === 0 ? bytes.length : length);
      copy.set(bytes.subarray(0, copy.length));
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
      return copy;
    });
  const other = fc.oneof(
    fc.record({ id: fc.nat() }).map((ping) => encode({ ping })),
    fc.tuple(uint64, fc.nat()).map(([epoch, id]) => encode({ receipt: { epoch, sequence: 1n }, ping: { id } })),
    fc.uint8Array({ maxLength: 24 }),
  );
  let read = 0;
  fc.assert(
    fc.property(fc.oneof(receipt, altered, other), (bytes) => {
      const peeked = peekReceipt(bytes);
      if (peeked === undefined) return;
      read++;
      const message = fromBinary(ClientMessageSchema, bytes);
      assert.deepEqual({ epoch: message.receipt?.epoch, sequence: Number(message.receipt?.sequence) }, peeked);
      assert.equal(message.ping, undefined);
      assert.equal(message.frames.length, 0);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(read > 100, `${read} were read`);
});
