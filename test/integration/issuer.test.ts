// Faulty issuers and running servers: shows continue, a decision that is not possible now is
// temporary everywhere (WebSocket, HTTP, SDK, command line), and everything recovers by itself.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Broadcaster, Viewer } from '@hayate/client';
import { CloseCodes, PATHS } from '@hayate/protocol';
import { cleanUp } from '../support/clean-up.ts';
import { demoClip, startHayate, startHayateServer } from '../support/hayate.ts';
import { type Issuer, issuerKey, startIssuer, text } from '../support/issuer.ts';
import { poll } from '../support/poll.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const KEYS = ['--roles', 'streamer,listener,api', '--ticket-secret', 'a secret that is long enough for tickets'];
const [known, added, forger] = await Promise.all([issuerKey('known'), issuerKey('added'), issuerKey('known')]);
/** 20 ms of silence as libopus writes it. */
const packet = Uint8Array.of(0xf8, 0xff, 0xfe);
const inSeconds = (seconds: number) => Date.now() / 1000 + seconds;

/** An issuer that serves `known`, and a server that refreshes its key set ten times a second. */
async function start(t: TestContext, flags: readonly string[] = []): Promise<{ issuer: Issuer; server: TestServer }> {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const server = await startTestServer(t, [...KEYS, '--jwks', issuer.url, '--jwks-refresh-ms', '100ms', ...flags]);
  await poll('the first key set', () => server.unready().length === 0);
  return { issuer, server };
}

/** Resolves after `count` more fetches have failed. */
async function failures(server: TestServer, count: number): Promise<void> {
  const failed = async () =>
    (await server.metric('hayate_jwks_fetches_total')) - (await server.metric('hayate_jwks_fetches_total', { outcome: 'ok' }));
  const before = await failed();
  await poll(`${count} fetches to fail`, async () => (await failed()) >= before + count);
}

async function publish(t: TestContext, server: TestServer, token: string): Promise<{ peer: WirePeer; source: FrameSource }> {
  const peer = await connectPeer(t, server.url, PATHS.publish);
  peer.send({ publish: { stream: 'hoshi', token } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  return { peer, source: new FrameSource('hoshi', epoch) };
}

async function watch(t: TestContext, server: TestServer, token: string): Promise<WirePeer> {
  const viewer = await connectPeer(t, server.url, PATHS.watch);
  viewer.send({ watch: { stream: 'hoshi', token } });
  await viewer.until('Watching', ({ watching }) => watching);
  return viewer;
}

async function answersPing(peer: WirePeer, id: number): Promise<void> {
  peer.send({ ping: { id } });
  await peer.until('an answer', ({ pong }) => (pong?.id === id ? pong : undefined));
}

const trouble: Record<string, (issuer: Issuer) => void | Promise<void>> = {
  'answers 503': (issuer) => {
    issuer.answer = text(503, 'maintenance');
  },
  'answers with a page': (issuer) => {
    issuer.answer = text(200, '<html>Welcome</html>');
  },
  'serves an empty key set': (issuer) => issuer.serve(),
  'refuses connections': (issuer) => issuer.refuse(),
  'does not answer': (issuer) => {
    issuer.answer = () => undefined;
  },
};
for (const [what, begin] of Object.entries(trouble)) {
  test(`a show continues, and renews its tokens, while its issuer ${what}`, async (t) => {
    const { issuer, server } = await start(t, ['--jwks-timeout-ms', '100ms']);
    const { peer, source } = await publish(t, server, await known.sign());
    const viewer = await watch(t, server, await known.sign());
    peer.send({ frames: [source.header('A show'), source.key()] });
    await begin(issuer);
    for (let renewal = 1; renewal <= 3; renewal++) {
      await failures(server, 1);
      for (const one of [peer, viewer]) {
        one.send({ token: await known.sign({ exp: inSeconds(600 + renewal) }) });
        await answersPing(one, renewal);
      }
      peer.send({ frames: [source.audio()] });
    }
    await poll('every frame at the viewer', () => viewer.frames().length === source.sequence);
    await peer.until('everything to be acknowledged', ({ ack }) => (ack?.nextSequence === BigInt(source.sequence) ? ack : undefined));
    // A client with a known key is still accepted.
    await watch(t, server, await known.sign());
    const streams = await fetch(`${server.url}/api/streams`, { headers: { Authorization: `Bearer ${await known.sign()}` } });
    assert.equal(streams.status, 200);
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    assert.equal(peer.closedWith() ?? viewer.closedWith(), undefined);
  });
}

test('a broadcaster of the SDK continues through an outage of its issuer, with tokens that expire during it', async (t) => {
  const { issuer, server } = await start(t);
  let given = 0;
  const token = () => {
    given++;
    return known.sign({ exp: inSeconds(4) });
  };
  const states: string[] = [];
  const broadcaster = new Broadcaster({ server: server.url, stream: 'hoshi', token, random: () => 0 });
  cleanUp(t, () => broadcaster.close());
  broadcaster.on('state', ({ state }) => states.push(state));
  await broadcaster.start();
  const epoch = broadcaster.epoch;
  const viewer = new Viewer({ server: server.url, stream: 'hoshi', token, random: () => 0 });
  cleanUp(t, () => viewer.close());
  let heard = 0;
  viewer.on('audio', () => heard++);
  await viewer.connect();
  issuer.answer = text(500, '');
  let sent = 0;
  const speak = () => broadcaster.sendAudio({ packets: [packet], position: sent++ * 960 });
  // Both have requested a token at the start, and request another one before each token ends.
  await poll('tokens to be renewed', () => {
    if (sent < 1_000) speak();
    return given >= 6;
  });
  speak();
  await poll('the last frame to be heard', () => heard === sent);
  await broadcaster.end();
  assert.equal(broadcaster.epoch, epoch);
  assert.equal(broadcaster.stats.unacknowledgedFrames, 0);
  assert.ok(!states.includes('failed'));
});

test('a renewal that cannot be decided leaves the connection with its present token, and is accepted when the issuer is back', async (t) => {
  const { issuer, server } = await start(t);
  const { peer } = await publish(t, server, await known.sign());
  const viewer = await watch(t, server, await known.sign());
  await issuer.refuse();
  const undecided = () => server.metric('hayate_tokens_undecided_total');
  const before = await undecided();
  for (const one of [peer, viewer]) {
    one.send({ token: await added.sign({ exp: inSeconds(2) }) });
    await answersPing(one, 1);
  }
  await poll('both renewals to be undecided', async () => (await undecided()) >= before + 2);
  for (const one of [peer, viewer]) await answersPing(one, 2);
  issuer.serve(known, added);
  await issuer.listen();
  for (const one of [peer, viewer])
    assert.equal(
      (await one.closed()).code,
      CloseCodes.TOKEN_EXPIRED.code,
      'it lasts until the new token runs out, an hour before the old one',
    );
});

test('a renewal that is still undecided when the present token expires ends with ISSUER_UNAVAILABLE', async (t) => {
  const { issuer, server } = await start(t);
  const { peer } = await publish(t, server, await known.sign());
  const viewer = await watch(t, server, await known.sign());
  issuer.answer = text(500, '');
  for (const one of [peer, viewer]) {
    one.send({ token: await known.sign({ exp: inSeconds(1) }) });
    one.send({ token: await added.sign() });
  }
  for (const one of [peer, viewer]) assert.equal((await one.closed()).code, CloseCodes.ISSUER_UNAVAILABLE.code);
  assert.equal(await server.metric('hayate_connection_closes_total', { code: 'ISSUER_UNAVAILABLE' }), 2);
});

test('a renewal does not wait for older ones that are undecided', async (t) => {
  const { issuer, server } = await start(t);
  const { peer } = await publish(t, server, await known.sign());
  issuer.answer = () => undefined;
  for (const jti of ['first', 'second']) peer.send({ token: await added.sign({ jti }) });
  peer.send({ token: await known.sign({ exp: inSeconds(1) }) });
  assert.equal((await peer.closed()).code, CloseCodes.TOKEN_EXPIRED.code);
});

test('while the issuer hangs only a few of very many renewals are verified at a time, and the newest is kept', async (t) => {
  const { issuer, server } = await start(t, ['--jwks-timeout-ms', '500ms']);
  const { peer } = await publish(t, server, await known.sign());
  issuer.answer = () => undefined;
  for (let i = 0; i < 500; i++) peer.send({ token: await added.sign({ jti: String(i) }) });
  await answersPing(peer, 1);
  peer.send({ token: await added.sign({ exp: inSeconds(2) }) });
  await failures(server, 2);
  assert.ok((await server.metric('hayate_tokens_undecided_total')) < 50);
  issuer.serve(known, added);
  assert.equal((await peer.closed()).code, CloseCodes.TOKEN_EXPIRED.code);
});

test('an invalid renewal closes the connection in any state of its issuer', async (t) => {
  const { issuer, server } = await start(t);
  for (const [token, code] of [
    [await forger.sign(), CloseCodes.UNAUTHORIZED.code],
    [await known.sign({ grants: { publish: ['other'] } }), CloseCodes.FORBIDDEN.code],
    [await added.sign({ exp: 1_000 }), CloseCodes.UNAUTHORIZED.code],
    ['nonsense', CloseCodes.UNAUTHORIZED.code],
    ['x'.repeat(9_000), CloseCodes.UNAUTHORIZED.code],
  ] as const) {
    const { peer: other } = await publish(t, server, await known.sign());
    issuer.answer = text(500, '');
    other.send({ token });
    assert.equal((await other.closed()).code, code);
  }
});

test('a server without keys starts, says why it is not ready, and answers 503 and ISSUER_UNAVAILABLE until it has them', async (t) => {
  const issuer = await startIssuer(t);
  issuer.answer = text(502, '');
  const flags = [...KEYS, '--jwks', issuer.url, '--jwks-refresh-ms', '100ms', '--jwks-fetches-per-minute', '600'];
  const server = await startTestServer(t, flags);
  await failures(server, 1);
  const ready = await fetch(`${server.url}/readyz`);
  assert.deepEqual([ready.status, await ready.text()], [503, 'keys: the key set could not be fetched yet: it answered HTTP 502\n']);

  const token = await known.sign();
  const headers = { Authorization: `Bearer ${token}` };
  for (const path of ['/api/streams', '/api/streams/hoshi', '/api/archive/broadcasts', '/api/archive/objects?prefix=hayate/v1/frames/']) {
    const answer = await fetch(`${server.url}${path}`, { headers });
    assert.equal(answer.status, 503, path);
    assert.ok(Number(answer.headers.get('Retry-After')) >= 1);
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    assert.equal(error.code, 'UNREACHABLE');
    assert.match(error.message, /cannot be verified now/);
  }
  for (const [path, message] of [
    [PATHS.publish, { publish: { stream: 'hoshi', token } }],
    [PATHS.watch, { watch: { stream: 'hoshi', token } }],
  ] as const) {
    const peer = await connectPeer(t, server.url, path);
    peer.send(message);
    assert.equal((await peer.closed()).code, CloseCodes.ISSUER_UNAVAILABLE.code);
  }
  const wrong = await fetch(`${server.url}/api/streams`, { headers: { Authorization: `Bearer ${await known.sign({ aud: 'other' })}` } });
  assert.equal(wrong.status, 401, 'a token that no key could make valid is refused');

  const reasons: (string | undefined)[] = [];
  const viewer = new Viewer({ server: server.url, stream: 'hoshi', token, random: () => 0, connectTimeoutMs: 60_000 });
  cleanUp(t, () => viewer.close());
  viewer.on('state', ({ closeCodeName }) => reasons.push(closeCodeName));
  const connected = viewer.connect();
  await poll('the SDK to report ISSUER_UNAVAILABLE', () => reasons.includes('ISSUER_UNAVAILABLE'));
  issuer.serve(known);
  await connected;
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  assert.equal((await fetch(`${server.url}/api/streams`, { headers })).status, 200);
});

test('the command line says why it waits, accepts a token file with white space, and broadcasts once the issuer is back', async (t) => {
  const issuer = await startIssuer(t);
  issuer.answer = text(503, '');
  const directory = tempDir(t);
  const secret = 'hidden-in-the-address';
  const jwks = `${issuer.url.replace('://', `://user:${secret}@`)}?key=${secret}`;
  const server = await startHayateServer(t, {
    data: join(directory, 'data'),
    flags: [...KEYS, '--jwks', jwks, '--jwks-refresh-ms', '100ms', '--jwks-fetches-per-minute', '600', '--log-level', 'debug'],
  });
  const [token, clip] = [join(directory, 'token'), join(directory, 'clip.ogg')];
  writeFileSync(token, `  ${await known.sign()}\r\n\n`);
  writeFileSync(clip, demoClip(1).bytes);
  const broadcast = startHayate(t, ['broadcast', clip, '--stream', 'hoshi', '--server', server.url, '--token-file', token]);
  await broadcast.untilLine(/^no connection yet, retrying: The token cannot be verified now/);
  issuer.serve(known);
  assert.equal((await broadcast.exit).code, 0);
  await server.process.untilLine(/jwks_fetch_failed/);
  assert.ok(server.process.lines.some((line) => line.includes(issuer.url)));
  assert.doesNotMatch(server.process.lines.join('\n'), new RegExp(`${secret}|user:`));
});

test('an unusable address of keys is refused at the start, and the error does not repeat it', async (t) => {
  for (const jwks of ['ftp://user:hidden@host/keys', 'https://user:hidden@', 'http://user:hidden@host:99999/', 'data://hidden'])
    await assert.rejects(startTestServer(t, [...KEYS, '--jwks', jwks]), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONFIGURATION');
      assert.match(error.message, /--jwks/);
      return !error.message.includes('hidden');
    });
});

/**
 * Sends a header exactly as written, which fetch would normalise; resolves to the status and the
 * body.
 */
async function ask(server: TestServer, authorization: string | undefined): Promise<{ status: number; message: string }> {
  const { port } = new URL(server.url);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; message: string }>();
  const headers = authorization === undefined ? {} : { Authorization: authorization };
  httpRequest({ port, host: '127.0.0.1', path: '/api/streams', headers }, async (response) => {
    let body = '';
    for await (const chunk of response) body += chunk;
    resolve({ status: response.statusCode ?? 0, message: JSON.parse(body).error?.message ?? '' });
  })
    .on('error', reject)
    .end();
  return promise;
}

test('a bearer token is accepted in common spellings, and the error says what is wrong with a header', async (t) => {
  const { server } = await start(t);
  const token = await known.sign();
  for (const written of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`, `Bearer\t${token}`, `  Bearer ${token}  `])
    assert.equal((await ask(server, written)).status, 200, JSON.stringify(written.replace(token, '…')));
  const refused: [string | undefined, number, RegExp][] = [
    [undefined, 401, /a bearer token is required/],
    ['Bearer', 401, /a token is required/],
    ['Bearer   ', 401, /a token is required/],
    ['Basic dXNlcjpwYXNz', 401, /must be: Bearer/],
    [token, 401, /must be: Bearer/],
    [`Bearer ${token} ${token}`, 401, /not a signed JSON Web Token/],
    [`Bearer ${'x'.repeat(9_000)}`, 401, /9000 characters long; at most 8192/],
    [`Bearer ${'x'.repeat(20_000)}`, 431, /a token has at most 8192 characters/],
  ];
  for (const [written, status, message] of refused) {
    const answer = await ask(server, written);
    assert.equal(answer.status, status, String(written).slice(0, 20));
    assert.match(answer.message, message);
  }
});

test('every route that needs a token documents 401 and 503', async (t) => {
  const { server } = await start(t);
  type Operation = { security?: unknown; responses: Record<string, unknown> };
  const { paths } = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as { paths: Record<string, Record<string, Operation>> };
  const secured = Object.values(paths).flatMap((path) => Object.values(path).filter(({ security }) => security !== undefined));
  assert.ok(secured.length >= 8);
  for (const { responses } of secured) assert.ok('401' in responses && '503' in responses);
});
