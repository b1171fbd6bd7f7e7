// Resume tickets are accepted only from their signer, and only for an hour.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ticket, TicketSigner } from './ticket.ts';

const signer = new TicketSigner(Buffer.alloc(32, 1));
const ticket: Ticket = { stream: 'hoshi', epoch: 0x0198f3c2a7b00a5fn, generation: 3, nextSequence: 12_345, expiresAtMs: 1_000 };

test('another signer with the same secret reads a ticket as it was signed', () => {
  assert.deepEqual(new TicketSigner(Buffer.alloc(32, 1)).read(signer.sign(ticket), 999), ticket);
});

test('an expired ticket and a ticket of another secret are refused', () => {
  assert.equal(signer.read(signer.sign(ticket), 1_001), undefined);
  assert.equal(new TicketSigner(Buffer.alloc(32, 2)).read(signer.sign(ticket), 999), undefined);
});

test('a ticket with any byte changed, removed or added is refused', () => {
  const signed = signer.sign(ticket);
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const forged = Uint8Array.from(signed);
      forged[at] = (forged[at] ?? 0) ^ change;
      assert.equal(signer.read(forged, 0), undefined);
      assert.equal(signer.read(signed.subarray(0, at), 0), undefined);
    }),
  );
  assert.equal(signer.read(Buffer.concat([signed, Buffer.of(0)]), 0), undefined);
});

test('random bytes are refused and do not throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => assert.equal(signer.read(bytes, 0), undefined)));
});

test('a ticket of more than 1 KiB is not read, so that an upload of large tickets costs nothing', () => {
  assert.equal(signer.read(signer.sign({ ...ticket, stream: 'h'.repeat(900) }), 0)?.stream.length, 900);
  assert.equal(signer.read(signer.sign({ ...ticket, stream: 'h'.repeat(1_024) }), 0), undefined);
});
