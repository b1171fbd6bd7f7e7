// Spellings are made from the 16 bytes of an address, and must parse back to them.
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostAndPort, isLinkLocal, isLocalhostName, isLoopback, isUnspecified, parseAddress, urlHost } from './address.ts';

/**
 * Every spelling that `bytes` may have: long, with leading zeros, in upper case, with `::`, with an
 * IPv4 tail.
 */
const spellings = fc
  .record({
    groups: fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 }),
    pad: fc.boolean(),
    upper: fc.boolean(),
    dotted: fc.boolean(),
    brackets: fc.boolean(),
  })
  .map(({ groups, pad, upper, dotted, brackets }) => {
    const hex = groups.map((group) => group.toString(16).padStart(pad ? 4 : 1, '0'));
    const tail = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
    const long = dotted ? `${hex.slice(0, 6).join(':')}:${tail.join('.')}` : hex.join(':');
    const cased = upper ? long.toUpperCase() : long;
    return { groups, text: brackets ? `[${cased}]` : cased };
  });

const groupsOf = (address: string): number[] => {
  const [head = '', tail] = address.split('::');
  const parts = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  if (tail === undefined) return parts(head);
  const [left, right] = [parts(head), parts(tail)];
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
};

test('every spelling of an address is read as the same bytes', () => {
  fc.assert(
    fc.property(spellings, ({ groups, text }) => {
      const address = parseAddress(text);
      assert.ok(address !== undefined, text);
      const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
      if (isMapped) assert.equal(isIP(address), 4);
      else assert.deepEqual(groupsOf(address), groups);
      assert.equal(parseAddress(address), address, 'the canonical text stays as it is');
    }),
  );
});

test('an address is loopback by its bytes, whatever its spelling', () => {
  const loopback = [
    ...['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '[::1]', '0:0:0:0:0:0:0:1', '0000:0000::0001', '::0.0.0.1', '::1%lo'],
    ...['::ffff:127.0.0.1', '::FFFF:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f12:3456', '[0:0:0:0:0:FFFF:127.1.2.3]', '[::1%25lo]'],
  ];
  for (const text of loopback) assert.equal(isLoopback(text), true, text);
  const others = [
    ...['128.0.0.1', '126.255.255.255', '0.0.0.0', '::', '::2', '::127.0.0.1', '64:ff9b::7f00:1', '::ffff:10.0.0.1', 'fe80::1', '1::1'],
    ...['localhost', '127.1', '127.0.0.1.example.com', '127.0.0.1:80', '[127.0.0.1]', '127.0.0.1%lo', '::1]', '[::1', '', '127.0.0.01'],
  ];
  for (const text of others) assert.equal(isLoopback(text), false, text);
});

test('classifies link-local, wildcard and other addresses and names, and formats them for people', () => {
  for (const text of ['::', '0.0.0.0', '[::]', '0::0', '::ffff:0.0.0.0']) assert.equal(isUnspecified(text), true, text);
  assert.equal(isUnspecified('::1'), false);
  for (const text of ['fe80::1', 'FEBF::1', '[fe80::1%eth0]']) assert.equal(isLinkLocal(text), true, text);
  assert.equal(isLinkLocal('fec0::1'), false);
  for (const name of ['localhost', 'LOCALHOST', 'localhost.', 'a.localhost']) assert.equal(isLocalhostName(name), true, name);
  for (const name of ['localhost.example', 'notlocalhost', '127.0.0.1', '']) assert.equal(isLocalhostName(name), false, name);
  assert.equal(parseAddress('[fe80::1%25eth0]'), 'fe80::1%eth0');
  assert.equal(parseAddress('FE80:0::1%eth0'), 'fe80::1%eth0');
  assert.equal(urlHost('fe80::1%eth0'), '[fe80::1%25eth0]');
  assert.equal(urlHost('10.0.0.1'), '10.0.0.1');
  assert.equal(hostAndPort('::1', 80), '[::1]:80');
  assert.equal(hostAndPort('redis', 6379), 'redis:6379');
});

test('any text gives an address or undefined, and never throws', () => {
  const piece = fc.constantFrom('::', ':', '1', 'ffff', '127.0.0.1', '[', ']', '%', '%25', 'eth0', 'fe80', '.');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        const address = parseAddress(text);
        if (address === undefined) assert.equal(isLoopback(text), false);
        else assert.notEqual(isIP(address), 0, `${text} gave ${address}`);
      },
    ),
  );
});
