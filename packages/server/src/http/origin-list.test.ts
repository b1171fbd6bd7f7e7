import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OriginList } from './origin-list.ts';

test('an origin is allowed in any spelling by the operator, and no other origin is', () => {
  for (const [entry, origin] of [
    ['https://app.example', 'https://app.example'],
    ['https://app.example/', 'https://app.example'],
    ['HTTPS://App.Example', 'https://app.example'],
    ['https://app.example:443', 'https://app.example'],
    ['http://app.example:80/', 'http://app.example'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['https://[2001:DB8:0::1]:8443', 'https://[2001:db8::1]:8443'],
    ['https://疾風.example', 'https://xn--tryu85e.example'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['tauri://localhost/', 'tauri://localhost'],
  ] as const) {
    const list = new OriginList([entry]);
    assert.ok(list.has(origin), `${entry} allows ${origin}`);
    assert.equal(list.any, false);
    for (const other of [
      'null',
      '',
      '*',
      `${origin}:1`,
      `${origin}.evil.example`,
      `${origin}/`,
      origin.replace('://', '://x.'),
      origin.toUpperCase(),
    ])
      assert.ok(!list.has(other), `${entry} does not allow ${other}`);
  }
});

test('another scheme or port is another origin', () => {
  const list = new OriginList(['https://app.example', 'http://localhost:3000']);
  for (const other of [
    'http://app.example',
    'https://app.example:8443',
    'http://localhost',
    'http://localhost:3001',
    'http://127.0.0.1:3000',
  ])
    assert.ok(!list.has(other), other);
});

test('a wildcard allows every host below a domain, and not the domain', () => {
  const list = new OriginList(['https://*.example.com', 'http://*.localhost:3000', 'https://*.bücher.example:8443']);
  for (const origin of [
    'https://a.example.com',
    'https://a.b.example.com',
    'http://app.localhost:3000',
    'https://a.xn--bcher-kva.example:8443',
  ])
    assert.ok(list.has(origin), origin);
  for (const origin of [
    'https://example.com',
    'https://.example.com',
    'https://evilexample.com',
    'https://a.example.com.evil.com',
    'https://evil.com/.example.com',
    'https://evil.com#.example.com',
    'https://user@a.example.com',
    'http://a.example.com',
    'https://a.example.com:8443',
    'https://a..example.com',
    'null',
  ])
    assert.ok(!list.has(origin), origin);
});

test('* is any origin', () => {
  assert.ok(new OriginList(['*']).any);
  assert.ok(!new OriginList([]).any);
});

test('a text that is not an origin is refused with the reason', () => {
  for (const [entry, why] of [
    ['null', /sandboxed/],
    ['app.example', /not an origin such as/],
    ['//app.example', /not an origin such as/],
    ['https://', /not an origin such as/],
    ['https://app.example/page', /only scheme, host and port/],
    ['https://app.example?x', /only scheme, host and port/],
    ['https://app.example/#x', /only scheme, host and port/],
    ['https://user@app.example', /only scheme, host and port/],
    ['https://app.example:99999', /only scheme, host and port/],
    ['https://app exam ple', /only scheme, host and port/],
    ['https://*', /only scheme, host and port|wildcard/],
    ['https://*.com', /wildcard/],
    ['https://*.1.2.3.4', /wildcard/],
    ['https://app.*.com', /wildcard|scheme/],
    ['http://localhost:*', /wildcard|scheme/],
    ['https://*.*.example.com', /wildcard|scheme/],
    ['capacitor://a/b', /only scheme, host and port/],
  ] as const)
    assert.throws(
      () => new OriginList(['https://good.example', entry]),
      (error: Error & { code?: string }) => error.code === 'CONFIGURATION' && why.test(error.message) && error.message.includes(entry),
      entry,
    );
});
