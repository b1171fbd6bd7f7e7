import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiUrl, endpointUrl } from './server-url.ts';

test("a server's address may have a path, trailing slashes, and either kind of scheme", () => {
  for (const [server, below] of [
    ['http://localhost:8080', '://localhost:8080'],
    ['http://localhost:8080/', '://localhost:8080'],
    ['https://host.example/hayate', 's://host.example/hayate'],
    ['https://host.example/hayate/', 's://host.example/hayate'],
    ['wss://host.example/a/b//', 's://host.example/a/b'],
    ['ws://[::1]:8080/hayate', '://[::1]:8080/hayate'],
  ] as const) {
    assert.equal(endpointUrl(server, '/watch'), `ws${below}/watch`);
    assert.equal(apiUrl(server, '/api/streams?x=1'), `http${below}/api/streams?x=1`);
  }
});

test('text that is not the address of a server is refused', () => {
  for (const server of ['', 'localhost', '/hayate', 'ftp://host', 'localhost:8080'])
    for (const make of [endpointUrl, apiUrl]) assert.throws(() => make(server, '/watch'), { code: 'INVALID' }, server);
});

test('an IPv6 address needs brackets; without them the error asks for them', () => {
  assert.equal(endpointUrl('http://[0:0:0:0:0:0:0:1]:8080', '/watch'), 'ws://[::1]:8080/watch');
  assert.equal(endpointUrl('wss://[::FFFF:127.0.0.1]/a', '/watch'), 'wss://[::ffff:7f00:1]/a/watch');
  for (const server of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080'])
    assert.throws(() => endpointUrl(server, '/watch'), {
      code: 'INVALID',
      message: /such as http:\/\/localhost:8080\. It must begin with http:/,
    });
  for (const server of ['http://::1:8080', 'http://fe80::1', '::1'])
    assert.throws(() => endpointUrl(server, '/watch'), { code: 'INVALID', message: /needs brackets/ });
  assert.throws(() => endpointUrl('http://[fe80::1%25eth0]:80', '/watch'), { code: 'INVALID', message: /cannot hold a zone/ });
});
