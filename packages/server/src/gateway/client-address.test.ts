import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../kernel/address.ts';
import { HayateError } from '../kernel/error.ts';
import { isPrivate, Networks } from '../kernel/networks.ts';
import { AddressRate } from './address-rate.ts';
import { addressKey, clientAddress } from './client-address.ts';

const none = new Networks('--trusted-proxies', []);
const proxies = new Networks('--trusted-proxies', ['10.0.0.0/8', '2001:db8:aa::/48', '192.0.2.1']);

test('only the part of X-Forwarded-For that trusted proxies wrote is believed', () => {
  assert.equal(clientAddress('198.51.100.1', '203.0.113.9', none), '198.51.100.1');
  assert.equal(clientAddress('198.51.100.1', '203.0.113.9', proxies), '198.51.100.1');
  assert.equal(clientAddress('10.1.2.3', '203.0.113.9', proxies), '203.0.113.9');
  assert.equal(clientAddress('::ffff:10.1.2.3', '1.1.1.1, 203.0.113.9, 192.0.2.1', proxies), '203.0.113.9');
  assert.equal(clientAddress('2001:db8:aa::1', '203.0.113.9:4711', proxies), '203.0.113.9');
  assert.equal(clientAddress('10.1.2.3', '[2001:db8:bb::1]:4711', proxies), '2001:db8:bb::1');
  assert.equal(clientAddress('10.1.2.3', '2001:db8:bb::1', proxies), '2001:db8:bb::1');
});

test('a client that a trusted proxy does not name has no address', () => {
  for (const forwardedFor of [undefined, '', 'unknown', '10.0.0.1', '1.2.3.4, _hidden', '1.2.3.4,'])
    assert.equal(clientAddress('10.1.2.3', forwardedFor, proxies), undefined, forwardedFor ?? 'none');
  assert.equal(clientAddress(undefined, '1.2.3.4', proxies), undefined);
});

test('an entry that is neither an address nor a network is refused by name', () => {
  for (const entry of ['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::/129', '10.0.0/8', '*', 'fe80::1%eth0'])
    assert.throws(
      () => new Networks('--trusted-proxies', [entry]),
      (error) => error instanceof HayateError && error.message.startsWith(`--trusted-proxies: "${entry}" is not`),
      entry,
    );
});

test('IPv6 addresses are counted by their /64, IPv4 addresses one by one', () => {
  assert.equal(addressKey('192.0.2.1'), '192.0.2.1');
  for (const address of ['2001:db8:0:1::', '2001:db8:0:1::1', '2001:db8:0:1:ffff::', '2001:db8:0:1:a:b:c:d'])
    assert.equal(addressKey(parseAddress(address) ?? ''), '2001:db8:0:1');
  assert.notEqual(addressKey('2001:db8:0:2::1'), '2001:db8:0:1');
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const address = parseAddress(text);
      if (address === undefined || !address.includes(':')) return;
      const bytes = new BlockList64(address);
      assert.ok(bytes.has(`${addressKey(address)}::`), `${text}: ${addressKey(address)}`);
    }),
  );
});

/** The /64 of an address, computed by Node's BlockList. */
class BlockList64 {
  readonly #network: Networks;
  constructor(address: string) {
    this.#network = new Networks('test', [`${address}/64`]);
  }
  has(text: string): boolean {
    // A key has four groups, of which the last may be 0.
    return this.#network.has(parseAddress(text) ?? parseAddress(text.replace(/::$/, ':0:0:0:0')) ?? '');
  }
}

test('addresses of the Internet are public; those of private networks and of this machine are private', () => {
  for (const address of [
    '127.0.0.1',
    '10.9.9.9',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    '::1',
    'fd00::1',
    'fe80::1%eth0',
  ])
    assert.equal(isPrivate(address), true, address);
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:db8::1']) assert.equal(isPrivate(address), false, address);
});

const request = (remoteAddress: string, forwardedFor?: string) => ({
  headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  socket: { remoteAddress },
});

test('an address gets its rate and a burst of 20 s, independently of other addresses; private networks have no limit', () => {
  let nowMs = 0;
  const rate = new AddressRate({ limited: 'public', perSecondMax: 10, trusted: none, nowMs: () => nowMs });
  const passed = (address: string, tries = 1_000) =>
    Array.from({ length: tries }, () => rate.request(request(address))).filter((verdict) => verdict !== 'exceeded').length;
  assert.equal(passed('8.8.8.8'), 200);
  assert.equal(rate.open('8.8.8.8'), 'exceeded');
  assert.equal(passed('8.8.4.4'), 200);
  assert.equal(passed('192.168.1.1'), 1_000);
  nowMs += 1_000;
  assert.equal(passed('8.8.8.8'), 10);
});

test('a thousand viewers behind one address may open a page at the same moment', () => {
  const rate = new AddressRate({ limited: 'public', perSecondMax: 1_000, trusted: none, nowMs: () => 0 });
  // A browser's six connections, a dozen files and a WebSocket for each viewer.
  for (let viewer = 0; viewer < 1_000; viewer++) {
    for (let connection = 0; connection < 7; connection++) assert.equal(rate.open('8.8.8.8'), 'within');
    for (let file = 0; file < 13; file++) assert.equal(rate.request(request('8.8.8.8')), 'within');
  }
});

test('declared proxies are not limited, their clients are, and the number of remembered addresses is bounded', () => {
  const rate = new AddressRate({ limited: 'all', perSecondMax: 1, trusted: proxies, nowMs: () => 0 });
  for (let connection = 0; connection < 1_000; connection++) assert.equal(rate.open('10.0.0.1'), 'unlimited');
  const passed = Array.from({ length: 100 }, () => rate.request(request('10.0.0.1', '203.0.113.9'))).filter(
    (verdict) => verdict === 'within',
  );
  assert.equal(passed.length, 20);
  for (let client = 0; client < 30_000; client++) rate.request(request('10.0.0.1', `1.2.${client >> 8}.${client & 0xff}`));
  assert.equal(rate.size, 10_000);
});
