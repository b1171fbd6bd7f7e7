// The header fields that let pages of other origins use the HTTP API, on every kind of answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestServer, type TestServer } from '../support/server.ts';

const APP = 'https://app.example';
const preflight = (server: TestServer, path: string, origin: string, more: Record<string, string> = {}) =>
  fetch(server.url + path, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'GET', ...more } });
const corsHeaders = ({ headers }: Response) => [...headers.keys()].filter((name) => name.startsWith('access-control-'));

test('every answer to a listed origin allows it, errors and 304 too, and all answers vary by Origin', async (t) => {
  const server = await startTestServer(t, ['--cors-origins', `${APP}/,https://*.example.org`]);
  const headers = { Authorization: `Bearer ${await server.token({ watch: ['*'] })}` };
  const { headers: described } = await fetch(`${server.url}/api/openapi.json`);
  for (const [path, status, more] of [
    ['/api/openapi.json', 200, {}],
    ['/api/openapi.json', 304, { 'If-None-Match': described.get('etag') ?? '' }],
    ['/api/openapi.json', 200, { 'Accept-Encoding': 'gzip' }],
    ['/api/streams', 200, headers],
    ['/api/streams', 401, {}],
    ['/api/archive/broadcasts', 403, headers],
    ['/api/streams/nobody', 404, headers],
    ['/api/nothing', 404, {}],
    ['/api/archive/objects?limit=0', 400, headers],
  ] as const)
    for (const [origin, allowed] of [
      [APP, APP],
      ['https://a.b.example.org', 'https://a.b.example.org'],
      ['https://example.org', null],
      ['http://app.example', null],
      ['null', null],
      [undefined, null],
    ] as const) {
      const response: Response = await fetch(server.url + path, {
        headers: { ...more, ...(origin === undefined ? {} : { Origin: origin }) },
      });
      await response.arrayBuffer();
      assert.equal(response.status, status, `${path} ${origin}`);
      assert.equal(response.headers.get('access-control-allow-origin'), allowed, `${path} ${origin}`);
      assert.match(response.headers.get('vary') ?? '', /\bOrigin\b/, `${path} ${origin}`);
      assert.equal(response.headers.get('access-control-allow-credentials'), null);
      if (allowed === null) assert.deepEqual(corsHeaders(response), []);
      else assert.match(response.headers.get('access-control-expose-headers') ?? '', /Content-Range, ETag/);
    }
});

test('a preflight is answered without a token, and only for a listed origin', async (t) => {
  const server = await startTestServer(t, ['--cors-origins', APP]);
  const asked = { 'Access-Control-Request-Headers': 'authorization,range', 'Access-Control-Request-Private-Network': 'true' };
  const allowed = await preflight(server, '/api/archive/objects/audio/hoshi/1.ogg', APP, asked);
  assert.equal(allowed.status, 204);
  assert.deepEqual(
    ['origin', 'methods', 'private-network'].map((name) => allowed.headers.get(`access-control-allow-${name}`)),
    [APP, 'GET, HEAD, POST', 'true'],
  );
  for (const name of ['Authorization', 'Range', 'If-Range', 'If-None-Match', 'Content-Type'])
    assert.ok(allowed.headers.get('access-control-allow-headers')?.split(', ').includes(name), name);
  assert.equal(allowed.headers.get('access-control-max-age'), '7200');
  assert.match(allowed.headers.get('vary') ?? '', /\bOrigin\b/);
  for (const origin of ['https://other.example', 'null', `${APP}:8443`]) {
    const refused = await preflight(server, '/api/streams', origin);
    assert.deepEqual([refused.status, corsHeaders(refused)], [403, []], origin);
    assert.match(refused.headers.get('vary') ?? '', /\bOrigin\b/);
  }
});

test('tokens, operations and pages cannot be read from another origin', async (t) => {
  const server = await startTestServer(t, ['--cors-origins', `${APP},*`]);
  for (const path of ['/dev/token', '/metrics', '/livez', '/readyz', '/', '/icon.svg']) {
    assert.deepEqual(corsHeaders(await preflight(server, path, APP)), [], path);
    assert.deepEqual(corsHeaders(await fetch(server.url + path, { headers: { Origin: APP } })), [], path);
  }
});

test('* allows any origin, without credentials and without private network access', async (t) => {
  const server = await startTestServer(t, ['--cors-origins', '*']);
  for (const origin of ['https://anybody.example', 'null']) {
    const response = await fetch(`${server.url}/api/openapi.json`, { headers: { Origin: origin } });
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    const answer = await preflight(server, '/api/streams', origin, { 'Access-Control-Request-Private-Network': 'true' });
    assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [204, '*']);
    for (const name of ['private-network', 'credentials']) assert.equal(answer.headers.get(`access-control-allow-${name}`), null);
  }
});

test('without the flag answers have no CORS headers', async (t) => {
  const server = await startTestServer(t);
  const response = await fetch(`${server.url}/api/openapi.json`, { headers: { Origin: APP } });
  assert.deepEqual(corsHeaders(response), []);
  assert.doesNotMatch(response.headers.get('vary') ?? '', /Origin/);
  assert.deepEqual(corsHeaders(await preflight(server, '/api/streams', APP)), []);
});

test('text that is not an origin is refused at the start', async (t) => {
  await assert.rejects(startTestServer(t, ['--cors-origins', 'app.example']), {
    code: 'CONFIGURATION',
    message: /--cors-origins: "app.example"/,
  });
});
