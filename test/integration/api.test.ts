// The HTTP API and the ways to start a server: the archive over HTTP, operations, keys,
// certificates.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { parseFlags } from '../../packages/server/src/kernel/flag.ts';
import { startServer } from '../../packages/server/src/main.ts';
import { serveFlags } from '../../packages/server/src/serve-flags.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

const objects = {
  'audio/hoshi/00/1.ogg': 'OggS hoshi',
  'audio/other/00/1.ogg': 'OggS other',
  'frames/log/dt=2026-01-01/1.avro': 'Obj',
  'statistics/log/dt=2026-01-01/1.parquet': 'PAR1',
};

async function withObjects(server: TestServer): Promise<(path: string, moderate: string[]) => Promise<Response>> {
  const store = await openFsStore({ directory: server.archiveDirectory });
  for (const [key, text] of Object.entries(objects)) assert.equal(await store.putIfAbsent(key, Buffer.from(text)), true);
  await store.close();
  return async (path, moderate) =>
    fetch(`${server.url}/api/archive/objects${path}`, {
      headers: { Authorization: `Bearer ${await server.token({ moderate })}` },
    });
}

test('the archive is listed by prefix, in pages', async (t) => {
  const get = await withObjects(await startTestServer(t, ['--roles', 'api']));
  const keys: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const body = (await (await get(`?limit=3${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`, ['*'])).json()) as {
      objects: { key: string; size: number }[];
      next?: string;
    };
    assert.ok(body.objects.length <= 3);
    for (const { key, size } of body.objects) assert.equal(size, objects[key as keyof typeof objects].length);
    keys.push(...body.objects.map(({ key }) => key));
    after = body.next;
  }
  assert.deepEqual(keys, Object.keys(objects).toSorted());
  const audio = (await (await get('?prefix=audio/hoshi/', ['hoshi'])).json()) as { objects: unknown[] };
  assert.equal(audio.objects.length, 1);
});

test('objects are returned only to moderators of their streams', async (t) => {
  const get = await withObjects(await startTestServer(t, ['--roles', 'api']));
  const whole = await get('/audio/hoshi/00/1.ogg', ['hoshi']);
  assert.deepEqual([whole.status, whole.headers.get('content-type'), await whole.text()], [200, 'audio/ogg', 'OggS hoshi']);
  assert.equal((await get('/audio/other/00/1.ogg', ['hoshi'])).status, 403);
  assert.equal((await get('/frames/log/dt=2026-01-01/1.avro', ['hoshi'])).status, 403);
  assert.equal((await get('/frames/log/dt=2026-01-01/1.avro', ['*'])).status, 200);
  assert.equal((await get('?prefix=audio/', ['hoshi'])).status, 403);
  assert.equal((await get('/audio/hoshi/00/2.ogg', ['*'])).status, 404);
  assert.equal((await get('?limit=0', ['*'])).status, 400);
});

test('every documented path answers, with a documented status', async (t) => {
  const server = await startTestServer(t);
  const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  };
  assert.match(document.openapi, /^3\.1/);
  assert.deepEqual(Object.keys(document.paths).toSorted(), [
    '/api/archive/broadcasts',
    '/api/archive/broadcasts/{stream}/{epoch}',
    '/api/archive/broadcasts/{stream}/{epoch}/frames',
    '/api/archive/objects',
    '/api/archive/objects/{key}',
    '/api/streams',
    '/api/streams/{stream}',
    '/api/streams/{stream}/end',
    '/dev/token',
  ]);
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      for (const authorization of [undefined, `Bearer ${await server.token({ watch: ['*'], moderate: ['*'] })}`]) {
        const response: Response = await fetch(`${server.url}${path.replace('{epoch}', '0198f3c2a7b00a5f').replace(/\{\w+\}/, 'hoshi')}`, {
          method: method.toUpperCase(),
          headers: authorization === undefined ? {} : { Authorization: authorization },
        });
        assert.ok(String(response.status) in responses, `${method} ${path} answers ${response.status}`);
        if (path === '/dev/token') assert.equal(response.status, 400);
        else if (authorization === undefined) assert.equal(response.status, 401);
      }
    }
  }
});

test('with an internal port the public one has no operations routes, and no metric names a stream', async (t) => {
  const server = await startTestServer(t, ['--internal-port', '0']);
  assert.ok(server.internalUrl);
  const peer = await connectPeer(t, server.url, '/publish');
  peer.send({ publish: { stream: 'a-rare-name', token: await server.token({ publish: ['*'] }) } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  peer.send({ frames: [new FrameSource('a-rare-name', epoch).header('A rare title')] });
  await poll('the frame to be counted', async () => (await server.metric('hayate_streamer_frames_total', { kind: 'HEADER' })) === 1);
  for (const path of ['/metrics', '/livez', '/readyz']) {
    assert.equal((await fetch(`${server.url}${path}`)).status, 404, path);
    const response: Response = await fetch(`${server.internalUrl}${path}`);
    assert.equal(response.status, 200, path);
    assert.doesNotMatch(await response.text(), /rare/);
  }
});

test('a server without a key refuses every address but loopback, and a server refuses weak keys', async (t) => {
  const refuse = async (flags: string[], message: RegExp) => {
    const settings = parseFlags(serveFlags, ['--port', '0', '--data', join(tempDir(t), 'data'), '--log-level', 'silent', ...flags], {});
    await assert.rejects(
      startServer(settings),
      (error: Error & { code?: string }) => error.code === 'CONFIGURATION' && message.test(error.message),
    );
  };
  await refuse(['--host', '0.0.0.0'], /needs a key/);
  await refuse(['--host', '::'], /needs a key/);
  await refuse(['--jwt-secret', 'short'], /fewer than 32 bytes/);
  await refuse(['--jwks', join(tempDir(t), 'none.json'), '--ticket-secret', 'x'.repeat(32)], /JSON Web Key Set/);
  await refuse(['--jwks', 'https://keys.example/set'], /--ticket-secret/);
  await refuse(['--lan', '--jwt-secret', 'x'.repeat(32)], /development mode/);
  await refuse(['--tls-cert', 'cert.pem'], /--tls-cert and --tls-key together/);
});

test('a server with a key gives no development tokens', async (t) => {
  const server = await startTestServer(t, ['--jwt-secret', 'x'.repeat(32)]);
  assert.doesNotMatch(await (await fetch(`${server.url}/api/openapi.json`)).text(), /dev.token/);
  assert.equal(server.development, false);
  assert.equal(
    (await fetch(`${server.url}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"grants":{}}' }))
      .status,
    404,
  );
});

test('a second server on the same data directory or port is refused in one sentence', async (t) => {
  const server = await startTestServer(t);
  const start = (flags: string[]) => startServer(parseFlags(serveFlags, ['--log-level', 'silent', ...flags], {}));
  await assert.rejects(start(['--port', '0', '--data', server.dataDirectory]), { code: 'IN_USE' });
  await assert.rejects(start(['--port', new URL(server.url).port, '--data', join(tempDir(t), 'data')]), { code: 'IN_USE' });
});

/** Fingerprint of the certificate that a browser on this machine gets. */
function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path: '/livez', rejectUnauthorized: false }, (response) => {
      response.resume();
      assert.equal(response.statusCode, 200);
      resolve((response.socket as TLSSocket).getPeerCertificate().fingerprint256);
    });
    outgoing.on('error', reject).end();
  });
}

test('--lan serves HTTPS with its own certificate, which it keeps', async (t) => {
  const directory = join(tempDir(t), 'data');
  const fingerprints: string[] = [];
  for (let start = 0; start < 2; start++) {
    const server = await startServer(parseFlags(serveFlags, ['--port', '0', '--data', directory, '--log-level', 'silent', '--lan'], {}));
    try {
      assert.match(server.url, /^https:\/\/localhost:\d+$/);
      fingerprints.push(await fingerprint(Number(new URL(server.url).port)));
      for (const url of server.lanUrls) assert.match(url, /^https:\/\/[\d.]+:\d+\/#pair=[\w-]{11}$/);
    } finally {
      await server.drain();
    }
  }
  assert.equal(fingerprints[0], fingerprints[1]);
});
