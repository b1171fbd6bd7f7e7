// Floods of a real server in its own process. Each flood ends with its documented close code or
// HTTP status and is counted as often as it was refused. A broadcast that runs meanwhile is not
// affected: received + counted gaps = sent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CloseCodes, type NumberRange, PATHS, peekFrame, RangeSet } from '@hayate/protocol';
import {
  clientFrame,
  clientMessage,
  FloodSocket,
  type FloodTarget,
  httpRequest,
  openEndpoint,
  piece,
  upgradeRequest,
} from '../support/flood.ts';
import { startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';

interface Site extends FloodTarget {
  readonly url: string;
  /** A metric, summed over the series with this label. */
  metric(name: string, label?: string, value?: string): Promise<number>;
}

const OWN_FLAGS = ['--roles', 'streamer,listener,api', '--limit-addresses', 'all', '--internal-port', '0'];

/** A server in its own process, configured for a flood of messages. */
async function startProcess(t: TestContext, flags: readonly string[] = []): Promise<Site> {
  const { url, port, metric } = await startHayateServer(t, { data: join(tempDir(t), 'data'), flags: [...OWN_FLAGS, ...flags] });
  return { url, port, token: await tokenOf(url), metric: (name, label, value) => metric(name, label && `${label}="${value}"`) };
}

async function start(t: TestContext, flags: readonly string[] = []): Promise<Site> {
  const { url, metric } = await startTestServer(t, [...OWN_FLAGS, ...flags]);
  return {
    url,
    port: Number(new URL(url).port),
    token: await tokenOf(url),
    metric: (name, label, value = '') => metric(name, label === undefined ? {} : { [label]: value }),
  };
}

async function tokenOf(url: string): Promise<string> {
  const body = JSON.stringify({ grants: { publish: ['*'], watch: ['*'] } });
  const response = await fetch(`${url}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  return ((await response.json()) as { token: string }).token;
}

/**
 * A broadcast that runs during the floods. `check` ends it and asserts received + counted as gaps =
 * sent.
 */
async function control(t: TestContext, { url, token }: Site) {
  const viewer = await connectPeer(t, url, PATHS.watch);
  viewer.send({ watch: { stream: 'control', token } });
  await viewer.until('Watching', ({ watching }) => watching);
  const broadcaster = await connectPeer(t, url, PATHS.publish);
  broadcaster.send({ publish: { stream: 'control', token } });
  const { epoch } = await broadcaster.until('Published', ({ published }) => published);
  const source = new FrameSource('control', epoch);
  broadcaster.send({ frames: [source.header('Control')] });
  const timer = setInterval(() => broadcaster.send({ frames: [source.audio()] }), 10);
  const receipts = setInterval(() => {
    const last = viewer.frames().at(-1);
    if (last !== undefined) viewer.send({ receipt: { epoch, sequence: BigInt(peekFrame(last).sequence) } });
  }, 500);
  t.after(() => {
    clearInterval(timer);
    clearInterval(receipts);
  });
  await poll('the broadcast to run', () => viewer.frames().length > 5);
  return {
    async check() {
      clearInterval(timer);
      const last = source.sequence - 1;
      const arrived = () => {
        const all = new RangeSet();
        for (const frame of viewer.frames()) all.add(peekFrame(frame).sequence);
        const received = all.size;
        const gaps = viewer.received.flatMap((message): NumberRange[] =>
          message.gaps.map((gap) => ({ first: Number(gap.first), last: Number(gap.last) })),
        );
        for (const { first, last } of gaps) assert.equal(all.add(first, last), true, 'a frame that was received is named as a gap');
        return { received, counted: all.size - received, all };
      };
      await poll('every frame to arrive or to be counted', () => arrived().all.has(last));
      const { received, counted } = arrived();
      assert.equal(received + counted, source.sequence);
      assert.equal(broadcaster.closedWith(), undefined);
      assert.equal(viewer.closedWith(), undefined);
    },
  };
}

const closes = ({ metric }: Site, code: string) => metric('hayate_connection_closes_total', 'code', code);
const refused = ({ metric }: Site, reason: string) => metric('hayate_upgrades_refused_total', 'reason', reason);
const always = () => true;
const BITS = '4000000000';
const GENEROUS = ['--messages-per-second-max', '10000000', '--viewer-bits-per-second-max', BITS, '--bits-per-second-max', BITS];

const ping = clientMessage({ ping: { id: 9 } });
const pingFrame = (bytes: number) => clientFrame(new Uint8Array(bytes), { opcode: 9 });

interface Case {
  path: string;
  /** Does not read the answers to its requests, not even the close frame. */
  isDeaf?: true;
  /** Name of the counted close code. */
  code: string;
  number: number;
  bytes: (context: { epoch: bigint; stream: string; token: string }) => Uint8Array;
}

const RATE = { code: 'RATE_EXCEEDED', number: CloseCodes.RATE_EXCEEDED.code };
const cases: Record<string, Case> = {
  'pings of a viewer': { ...RATE, path: PATHS.watch, bytes: () => piece(ping) },
  'pings of a viewer who does not read': { ...RATE, path: PATHS.watch, isDeaf: true, bytes: () => piece(ping) },
  'pings of a broadcaster': { ...RATE, path: PATHS.publish, bytes: () => piece(ping) },
  'WebSocket pings of 100 bytes': { ...RATE, path: PATHS.watch, bytes: () => piece(pingFrame(100)) },
  'WebSocket pings of a broadcaster': { ...RATE, path: PATHS.publish, bytes: () => piece(pingFrame(0)) },
  'unsolicited pongs': { ...RATE, path: PATHS.watch, bytes: () => piece(clientFrame(new Uint8Array(4), { opcode: 10 })) },
  'empty messages': { ...RATE, path: PATHS.watch, bytes: () => piece(clientFrame(new Uint8Array())) },
  receipts: { ...RATE, path: PATHS.watch, bytes: () => piece(clientMessage({ receipt: { epoch: 7n, sequence: 3n } })) },
  'token renewals': { ...RATE, path: PATHS.watch, bytes: ({ token }) => piece(clientMessage({ token })) },
  'token renewals of a broadcaster': { ...RATE, path: PATHS.publish, bytes: ({ token }) => piece(clientMessage({ token })) },
  'messages of unknown fields': {
    ...RATE,
    path: PATHS.watch,
    bytes: () => clientFrame(new Uint8Array(16_000).map((_, at) => (at % 2 === 0 ? 0x78 : 0))),
  },
  'messages of unknown fields by a broadcaster': {
    ...RATE,
    path: PATHS.publish,
    bytes: () => clientFrame(new Uint8Array(200_000).map((_, at) => (at % 2 === 0 ? 0x78 : 0))),
  },
  'dropped ranges': {
    ...RATE,
    path: PATHS.publish,
    bytes: () => clientMessage({ dropped: Array.from({ length: 10_000 }, (_, at) => ({ first: BigInt(at * 2), last: BigInt(at * 2) })) }),
  },
  'frames over the rate': {
    ...RATE,
    path: PATHS.publish,
    bytes: ({ stream, epoch }) => {
      const source = new FrameSource(stream, epoch);
      const header = clientMessage({ frames: [source.header('Flood')] });
      return Buffer.concat([header, piece(clientMessage({ frames: [source.event()] }))]);
    },
  },
  'a message in fragments without end': {
    path: PATHS.watch,
    code: '1008',
    number: 1008,
    bytes: () =>
      Buffer.concat([clientFrame(Uint8Array.of(0), { final: false }), piece(clientFrame(new Uint8Array(), { opcode: 0, final: false }))]),
  },
  'a message of a viewer that is too big': {
    path: PATHS.watch,
    code: 'MESSAGE_TOO_BIG',
    number: 1009,
    bytes: () => clientFrame(new Uint8Array(20_000)),
  },
};

test('each flood of one client ends with its documented close code and is counted, and others get every frame', async (t) => {
  const site = await startProcess(t);
  const unharmed = await control(t, site);
  const expected = new Map<string, number>();
  await Promise.all(
    Object.entries(cases).map(async ([what, { path, isDeaf, bytes, code, number }], index) => {
      const stream = `flooded-${index}`;
      const { connection, answer } = await openEndpoint(site, path, stream);
      assert.ok(answer, what);
      if (isDeaf) connection.socket.pause();
      await connection.pour(bytes({ epoch: answer.published?.epoch ?? 0n, stream, token: site.token }), always);
      assert.equal(await connection.ended, isDeaf ? 'cut' : String(number), what);
      expected.set(code, (expected.get(code) ?? 0) + 1);
    }),
  );
  for (const [code, number] of expected) await poll(`${code} to be counted`, async () => (await closes(site, code)) === number);
  await unharmed.check();
});

test('a client that does not read its answers is closed with TOO_SLOW when more bytes wait than the bound, including pongs', async (t) => {
  const site = await startProcess(t, GENEROUS);
  const unharmed = await control(t, site);
  const kinds = [
    [PATHS.watch, pingFrame(125)],
    [PATHS.publish, pingFrame(125)],
  ] as const;
  const deaf = await Promise.all(
    kinds.map(async ([path, bytes]) => {
      const { connection, answer } = await openEndpoint(site, path, 'unread');
      assert.ok(answer);
      connection.socket.pause();
      await connection.pour(piece(bytes), always);
      return connection;
    }),
  );
  await poll('the closes to be counted', async () => (await closes(site, 'TOO_SLOW')) === kinds.length);
  for (const { socket } of deaf) socket.destroy();
  await unharmed.check();
});

test('a client that reads gets an answer to every ping within the rate', async (t) => {
  const site = await start(t, GENEROUS);
  const { connection, answer } = await openEndpoint(site, PATHS.watch, 'read');
  assert.ok(answer);
  const before = connection.receivedBytes;
  for (let round = 0; round < 10; round++) connection.socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => pingFrame(98))));
  // RFC 6455 section 5.5.3: a server's Pong has a header of 2 bytes and the content of the Ping.
  await poll('every pong', () => connection.receivedBytes - before === 10_000 * 100);
  connection.socket.destroy();
});

test('bytes that a client sends after its close are read up to a bound, and its place is free after the grace period', async (t) => {
  const site = await start(t);
  const { connection, answer } = await openEndpoint(site, PATHS.watch, 'deaf');
  assert.ok(answer);
  // Never answers the close, and continues to send.
  connection.socket.removeAllListeners('data').pause();
  await connection.pour(piece(ping), always);
  await poll('the place to be free', async () => (await site.metric('hayate_connections', 'endpoint', 'watch')) === 0);
  assert.equal(await closes(site, 'RATE_EXCEEDED'), 1);
});

test('the number of watched streams is bounded: a stream above the bound is refused, and streams that were left are unsubscribed', async (t) => {
  const site = await start(t, ['--watched-streams-max', '20']);
  const unharmed = await control(t, site);
  const held = [];
  for (let stream = 0; stream < 19; stream++) held.push(await openEndpoint(site, PATHS.watch, `none-${stream}`));
  assert.ok(held.every(({ answer }) => answer?.watching?.epoch === 0n));
  for (let stream = 0; stream < 5; stream++) {
    const { connection } = await openEndpoint(site, PATHS.watch, `more-${stream}`);
    assert.equal(await connection.ended, String(CloseCodes.TOO_MANY_CONNECTIONS.code));
  }
  await poll('the refusals to be counted', async () => (await closes(site, 'TOO_MANY_CONNECTIONS')) === 5);
  // A stream that is already watched does not count again, and a stream that was left makes room.
  const again = await openEndpoint(site, PATHS.watch, 'none-3');
  assert.ok(again.answer?.watching);
  held[0]?.connection.socket.destroy();
  await poll('the viewer to be gone', async () => (await site.metric('hayate_listener_viewers')) === 20);
  const late = await openEndpoint(site, PATHS.watch, 'in-its-place');
  assert.ok(late.answer?.watching, late.connection.isEnded ? await late.connection.ended : 'open');

  for (const { connection } of held) connection.socket.destroy();
  await poll('streams to be left', async () => (await site.metric('hayate_listener_streams')) <= 3);
  await unharmed.check();
});

test('requests and connections over the rate of their address get 429 with Retry-After and are counted, and another address is served', async (t) => {
  const site = await start(t, ['--requests-per-second-max', '2', '--trusted-proxies', '127.0.0.1']);
  const unharmed = await control(t, site);
  const from = (address: string) => `GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: spoofed, ${address}\r\n\r\n`;
  const endOf = async (request: string) => {
    const connection = new FloodSocket(site.port, request);
    const status = await connection.status();
    connection.socket.destroy();
    return status;
  };
  let refusals = 0;
  while (refusals < 5) if ((await endOf(from('192.0.2.1'))) === 429) refusals++;
  // Every address of an IPv6 client's /64 counts as that client.
  for (let host = 0; refusals < 10; host++) if ((await endOf(from(`2001:db8:1:2::${host.toString(16)}`))) === 429) refusals++;
  while (refusals < 15) if ((await endOf(upgradeRequest(PATHS.watch, 'X-Forwarded-For: 198.51.100.7:4711\r\n'))) === 429) refusals++;
  assert.equal(await refused(site, 'too_many_requests'), refusals);
  assert.notEqual(await endOf(from('192.0.2.2')), 429);
  assert.notEqual(await endOf(from('2001:db8:1:3::1')), 429);
  await unharmed.check();
});

test('connections that open and close over the rate are refused and counted, and the address is served again', async (t) => {
  const site = await start(t, ['--requests-per-second-max', '3']);
  const unharmed = await control(t, site);
  const opened = () => {
    const connection = new FloodSocket(site.port, '');
    connection.socket.once('connect', () => connection.socket.end());
    return connection.ended;
  };
  await poll('opening to be refused', async () => {
    await Promise.all(Array.from({ length: 50 }, opened));
    return (await refused(site, 'too_many_requests')) > 0;
  });
  const answered = await poll('a request to be refused with a status', async () => {
    const connection = new FloodSocket(site.port, httpRequest);
    const status = await connection.status();
    connection.socket.destroy();
    return status === 429 && (await refused(site, 'too_many_requests')) > 0;
  });
  assert.ok(answered);
  await poll('the address to be served again', async () => (await fetch(`${site.url}/api/openapi.json`)).ok);
  await unharmed.check();
});

test('pipelined requests beyond the bound are refused with 429', async (t) => {
  const site = await start(t);
  const unharmed = await control(t, site);
  const connection = new FloodSocket(site.port, httpRequest.repeat(5_000));
  await connection.ended;
  assert.equal(await refused(site, 'too_many_requests'), 1);
  await unharmed.check();
});

test('above --connections-max a few clients get 503 with Retry-After, for HTTP and WebSocket, and a free place is used again', async (t) => {
  const site = await start(t, ['--connections-max', '12']);
  const held: FloodSocket[] = [];
  await poll('the server to be full', async () => {
    const connection = new FloodSocket(site.port, upgradeRequest(PATHS.watch));
    if ((await connection.status()) === 101) held.push(connection);
    return (await refused(site, 'too_many_connections')) > 0;
  });
  assert.ok(held.length <= 12);
  const before = await refused(site, 'too_many_connections');
  for (const request of [httpRequest, upgradeRequest(PATHS.watch), upgradeRequest(PATHS.publish)]) {
    const connection = new FloodSocket(site.port, request);
    assert.equal(await connection.status(), 503);
    connection.socket.destroy();
  }
  assert.equal(await refused(site, 'too_many_connections'), before + 3);
  for (const connection of held) connection.socket.destroy();
  const { answer } = await poll('a place', async () => {
    const opened = await openEndpoint(site, PATHS.watch, 'late');
    return opened.answer !== undefined && opened;
  });
  assert.ok(answer?.watching);
});
