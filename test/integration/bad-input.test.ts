// Bad input: each kind gets its documented close code or HTTP status and is counted. No other
// connection notices it, nothing is written outside the data directory, and the server continues.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  ClientMessageSchema,
  type CloseCodeName,
  CloseCodes,
  encodeFrame,
  framePayload,
  Kind,
  PATHS,
  peekFrame,
  SUBPROTOCOL,
} from '@hayate/protocol';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { signToken } from '../../packages/server/src/auth/sign-token.ts';
import { poll } from '../support/poll.ts';
import { root } from '../support/process.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const ROLES = ['--roles', 'streamer,listener,api'];

/** A broadcast with a viewer, neither of which may notice anything. */
async function bystanders(t: TestContext, server: TestServer) {
  const viewer = await connectPeer(t, server.url, PATHS.watch);
  viewer.send({ watch: { stream: 'bystander', token: await server.token({ watch: ['*'] }) } });
  const peer = await connectPeer(t, server.url, PATHS.publish);
  peer.send({ publish: { stream: 'bystander', token: await server.token({ publish: ['*'] }) } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  const source = new FrameSource('bystander', epoch);
  const parent = dirname(server.dataDirectory);
  const before = readdirSync(parent);
  peer.send({ frames: [source.header('Bystander'), source.key()] });
  return async () => {
    const last = source.audio();
    peer.send({ frames: [last] });
    await poll('the bystander to get its frame', () => viewer.frames().some((frame) => Buffer.compare(frame, last) === 0));
    assert.equal(viewer.frames().length, source.sequence);
    assert.deepEqual(readdirSync(parent), before, 'no file was written outside of the data directory');
  };
}

interface Case {
  code: CloseCodeName;
  path?: string;
  provoke: (peer: WirePeer, server: TestServer) => void | Promise<void>;
}

/** Publishes as hoshi and returns a source for the epoch. */
async function begin(peer: WirePeer, server: TestServer): Promise<FrameSource> {
  peer.send({ publish: { stream: 'hoshi', token: await server.token({ publish: ['hoshi'] }) } });
  const { epoch } = await peer.until('Published', ({ published }) => published);
  return new FrameSource('hoshi', epoch);
}

const expired = async () =>
  new SignJWT({ grants: { publish: ['*'], watch: ['*'] } })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('a')
    .setAudience('hayate')
    .setExpirationTime(1)
    .sign(Buffer.alloc(32));
const audioOf = (source: FrameSource, payload: Uint8Array) =>
  encodeFrame({ stream: source.stream, epoch: source.epoch, sequence: 1, captureUs: 0, kind: Kind.AUDIO, payload });

const cases: Record<string, Case> = {
  'a text message': { code: 'PROTOCOL_ERROR', provoke: (peer) => peer.sendRaw('hello') },
  'bytes that are not Protobuf': { code: 'PROTOCOL_ERROR', provoke: (peer) => peer.sendRaw(Uint8Array.of(0xff, 0xff, 0xff)) },
  'an empty first message': { code: 'PROTOCOL_ERROR', provoke: (peer) => peer.sendRaw(new Uint8Array()) },
  'a frame before Publish': { code: 'PROTOCOL_ERROR', provoke: (peer) => peer.send({ frames: [new FrameSource('hoshi', 1n).key()] }) },
  'Watch on /publish': { code: 'PROTOCOL_ERROR', provoke: (peer) => peer.send({ watch: { stream: 'hoshi' } }) },
  'Publish on /watch': { code: 'PROTOCOL_ERROR', path: PATHS.watch, provoke: (peer) => peer.send({ publish: { stream: 'hoshi' } }) },
  'two Publish at once': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const token = await server.token({ publish: ['*'] });
      for (const stream of ['hoshi', 'other']) peer.send({ publish: { stream, token } });
    },
  },
  'two Watch at once': {
    code: 'PROTOCOL_ERROR',
    path: PATHS.watch,
    provoke: async (peer, server) => {
      const token = await server.token({ watch: ['*'] });
      for (const stream of ['hoshi', 'other']) peer.send({ watch: { stream, token } });
    },
  },
  'no token': { code: 'UNAUTHORIZED', provoke: (peer) => peer.send({ publish: { stream: 'hoshi' } }) },
  'no token to watch': { code: 'UNAUTHORIZED', path: PATHS.watch, provoke: (peer) => peer.send({ watch: { stream: 'hoshi' } }) },
  'an expired token': {
    code: 'UNAUTHORIZED',
    provoke: async (peer) => peer.send({ publish: { stream: 'hoshi', token: await expired() } }),
  },
  "a token for another's stream": {
    code: 'FORBIDDEN',
    provoke: async (peer, server) => peer.send({ publish: { stream: 'hoshi', token: await server.token({ publish: ['other'] }) } }),
  },
  'a watch token used to publish': {
    code: 'FORBIDDEN',
    provoke: async (peer, server) => peer.send({ publish: { stream: 'hoshi', token: await server.token({ watch: ['*'] }) } }),
  },
  'a stream name with a slash': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => peer.send({ publish: { stream: 'a/b', token: await server.token({ publish: ['*'] }) } }),
  },
  'a stream name that climbs': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => peer.send({ publish: { stream: '../../etc', token: await server.token({ publish: ['*'] }) } }),
  },
  'a name that climbs, watched': {
    code: 'PROTOCOL_ERROR',
    path: PATHS.watch,
    provoke: async (peer, server) => peer.send({ watch: { stream: '..', token: await server.token({ watch: ['*'] }) } }),
  },
  'a forged ticket': {
    code: 'TICKET_INVALID',
    provoke: async (peer, server) =>
      peer.send({ publish: { stream: 'hoshi', token: await server.token({ publish: ['*'] }), ticket: new Uint8Array(60) } }),
  },
  'a frame that is too big': {
    code: 'FRAME_TOO_BIG',
    provoke: async (peer, server) => peer.send({ frames: [(await begin(peer, server)).audio(70_000)] }),
  },
  'a message that is too big': { code: 'MESSAGE_TOO_BIG', provoke: (peer) => peer.sendRaw(new Uint8Array(300_000)) },
  'a frame of another stream': {
    code: 'WRONG_STREAM',
    provoke: async (peer, server) => peer.send({ frames: [new FrameSource('other', (await begin(peer, server)).epoch).key()] }),
  },
  'a frame of another epoch': {
    code: 'WRONG_STREAM',
    provoke: async (peer, server) => peer.send({ frames: [new FrameSource('hoshi', (await begin(peer, server)).epoch + 1n).key()] }),
  },
  'a frame of unknown kind': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const frame = (await begin(peer, server)).key();
      const at = frame.indexOf(Kind.MOTION, peekFrame(frame).stream.length + 11);
      peer.send({ frames: [Uint8Array.from(frame, (byte, index) => (index === at ? 9 : byte))] });
    },
  },
  'an AUDIO frame without packets': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => peer.send({ frames: [audioOf(await begin(peer, server), Uint8Array.of())] }),
  },
  'an AUDIO frame with a packet that is not Opus': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => peer.send({ frames: [audioOf(await begin(peer, server), Uint8Array.of(0x0a, 1, 0x03))] }),
  },
  'a sequence far ahead': {
    code: 'SEQUENCE_INVALID',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      source.sequence = 1_000_000;
      peer.send({ frames: [source.key()] });
    },
  },
  'a first frame that is not a HEADER': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => peer.send({ frames: [(await begin(peer, server)).audio()] }),
  },
  'an END below a frame that was sent': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      peer.send({ frames: [source.header('Short'), source.audio()], end: { nextSequence: 1n } });
    },
  },
  'an END below a range that was declared dropped': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      peer.send({ frames: [source.header('Short')], dropped: [{ first: 5n, last: 9n }], end: { nextSequence: 9n } });
    },
  },
  'a second END with another number': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      for (const nextSequence of [5n, 6n]) peer.send({ frames: [source.header('Twice')], end: { nextSequence } });
    },
  },
  'a frame that is not below END': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      peer.send({ frames: [source.header('Over')], end: { nextSequence: 5n } });
      source.sequence = 5;
      peer.send({ frames: [source.audio()] });
    },
  },
  'a dropped range that is not below END': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      peer.send({ frames: [source.header('Over')], end: { nextSequence: 5n } });
      peer.send({ dropped: [{ first: 4n, last: 5n }] });
    },
  },
  'a dropped range that runs backwards': {
    code: 'PROTOCOL_ERROR',
    provoke: async (peer, server) => {
      await begin(peer, server);
      peer.send({ dropped: [{ first: 5n, last: 4n }] });
    },
  },
  'more frames than the rate allows': {
    code: 'RATE_EXCEEDED',
    provoke: async (peer, server) => {
      const source = await begin(peer, server);
      peer.send({ frames: [source.header('Many')] });
      for (let message = 0; message < 40; message++) peer.send({ frames: Array.from({ length: 100 }, () => source.audio(3)) });
    },
  },
};

for (const [what, { code, path, provoke }] of Object.entries(cases)) {
  test(`${what} closes the connection with ${code}, and only this one`, async (t) => {
    const server = await startTestServer(t, ROLES);
    const unharmed = await bystanders(t, server);
    const peer = await connectPeer(t, server.url, path ?? PATHS.publish);
    await provoke(peer, server);
    assert.equal((await peer.closed()).code, CloseCodes[code].code);
    await poll('the close to be counted', async () => (await server.metric('hayate_connection_closes_total', { code })) === 1);
    await unharmed();
  });
}

test('a connection that sends nothing is closed with HANDSHAKE_TIMEOUT, one that stops answering pings with IDLE', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--handshake-timeout-ms', '300ms', '--idle-timeout-ms', '1s']);
  assert.equal((await (await connectPeer(t, server.url, PATHS.publish)).closed()).code, CloseCodes.HANDSHAKE_TIMEOUT.code);
  const idle = await connectPeer(t, server.url, PATHS.watch, { autoPong: false });
  idle.send({ watch: { stream: 'hoshi', token: await server.token({ watch: ['*'] }) } });
  assert.equal((await idle.closed()).code, CloseCodes.IDLE.code);
});

test('a connection whose token expires is closed with TOKEN_EXPIRED, unless it sent a new one in time', async (t) => {
  const secret = 'a secret that is long enough for HS256';
  const server = await startTestServer(t, [...ROLES, '--jwt-secret', secret]);
  const token = async (ttlSeconds: number) =>
    (await signToken({ subject: 'a', grants: { watch: ['*'] }, ttlSeconds }, Buffer.from(secret))).token;
  const [renewed, expiring] = [await connectPeer(t, server.url, PATHS.watch), await connectPeer(t, server.url, PATHS.watch)];
  for (const peer of [renewed, expiring]) {
    peer.send({ watch: { stream: 'hoshi', token: await token(3) } });
    await peer.until('Watching', ({ watching }) => watching);
  }
  renewed.send({ token: await token(60) });
  assert.equal((await expiring.closed()).code, CloseCodes.TOKEN_EXPIRED.code);
  renewed.send({ ping: { id: 1 } });
  await renewed.until('an answer', ({ pong }) => pong);
});

test('a client need not wait for the answer: messages sent before it are handled after it, in order', async (t) => {
  const server = await startTestServer(t, ROLES);
  const token = await server.token({ publish: ['early'], watch: ['early'] });
  const answers = (peer: WirePeer) =>
    peer.received.flatMap(({ published, watching, pong }): (string | number)[] => {
      if (published !== undefined) return ['published'];
      if (watching !== undefined) return ['watching'];
      return pong === undefined ? [] : [pong.id];
    });
  const publisher = await connectPeer(t, server.url, PATHS.publish);
  publisher.send({ publish: { stream: 'early', token }, ping: { id: 1 } });
  for (let id = 2; id <= 50; id++) publisher.send({ ping: { id } });
  await publisher.until('the last pong', ({ pong }) => (pong?.id === 50 ? pong : undefined));
  assert.deepEqual(answers(publisher), ['published', ...Array.from({ length: 50 }, (_, i) => i + 1)]);
  const { epoch, ticket } = await publisher.until('Published', ({ published }) => published);

  const viewer = await connectPeer(t, server.url, PATHS.watch);
  viewer.send({ watch: { stream: 'early', token }, ping: { id: 1 } });
  viewer.send({ receipt: { epoch, sequence: 0n } });
  viewer.send({ ping: { id: 2 } });
  await viewer.until('the last pong', ({ pong }) => (pong?.id === 2 ? pong : undefined));
  assert.deepEqual(answers(viewer), ['watching', 1, 2]);

  // A returning broadcaster knows its epoch, so frames may arrive together with Publish.
  const source = new FrameSource('early', epoch);
  publisher.cut();
  const returned = await connectPeer(t, server.url, PATHS.publish);
  returned.send({ publish: { stream: 'early', token, ticket }, frames: [source.header('Early')] });
  returned.send({ frames: [source.audio()], end: { nextSequence: 2n } });
  const ended = await returned.until('Ended', (message) => message.ended);
  assert.equal(ended.nextSequence, 2n);
});

test('a message out of place closes the connection, whether it arrives before the answer, with the first message or later', async (t) => {
  const server = await startTestServer(t, ROLES);
  const token = await server.token({ publish: ['early'], watch: ['early'] });
  const publish = { stream: 'early', token };
  const watch = { stream: 'early', token };
  for (const [path, first, wrong] of [
    [PATHS.publish, { publish }, { publish }],
    [PATHS.publish, { publish }, { receipt: { epoch: 1n, sequence: 0n } }],
    [PATHS.watch, { watch }, { watch }],
    [PATHS.watch, { watch }, { end: { nextSequence: 1n } }],
  ] as const) {
    const [later, meanwhile] = [await connectPeer(t, server.url, path), await connectPeer(t, server.url, path)];
    later.send(first);
    await later.until('the answer', ({ published, watching }) => published ?? watching);
    later.send(wrong);
    meanwhile.send(first);
    meanwhile.send(wrong);
    const peers = [later, meanwhile];
    if (!Object.keys(wrong).some((name) => name in first)) {
      const together = await connectPeer(t, server.url, path);
      together.send({ ...first, ...wrong });
      peers.push(together);
    }
    // A broadcaster whose stream another one has taken over is told of that first. No one takes
    // over from the last.
    for (const peer of peers.slice(0, -1)) await peer.closed();
    assert.equal((await peers.at(-1)?.closed())?.code, CloseCodes.PROTOCOL_ERROR.code);
  }
});

test('one broadcaster too many is closed with TOO_MANY_CONNECTIONS; one that returns takes its own place', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--broadcasters-max', '1']);
  const publish = async (stream: string, ticket: Uint8Array = new Uint8Array()) => {
    const peer = await connectPeer(t, server.url, PATHS.publish);
    peer.send({ publish: { stream, token: await server.token({ publish: [stream] }), ticket } });
    return peer;
  };
  const first = await publish('one');
  const { ticket } = await first.until('Published', ({ published }) => published);
  assert.equal((await (await publish('two')).closed()).code, CloseCodes.TOO_MANY_CONNECTIONS.code);
  // The server may not have noticed yet that the first connection is dead.
  const returned = await publish('one', ticket);
  const { generation } = await returned.until('Published', ({ published }) => published);
  assert.equal(generation, 2);
  assert.equal((await first.closed()).code, CloseCodes.SUPERSEDED.code);
  assert.equal((await (await publish('two')).closed()).code, CloseCodes.TOO_MANY_CONNECTIONS.code);
  returned.cut();
  await poll('the place to be free', async () => (await server.metric('hayate_connections', { endpoint: 'publish' })) === 0);
  await (await publish('two')).until('Published', ({ published }) => published);
});

/** Sends raw bytes to the port; resolves to the first line of the answer. */
async function raw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  let closed = false;
  socket.on('data', (data) => {
    answer += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  socket.write(bytes);
  await poll('an answer', () => answer.includes('\r\n') || closed);
  socket.destroy();
  return answer.split('\r\n')[0] ?? '';
}

const upgrade = (path: string, protocol: string) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

test('invalid upgrades and requests get an HTTP status', async (t) => {
  const server = await startTestServer(t, [...ROLES, '--handshake-timeout-ms', '300ms']);
  const unharmed = await bystanders(t, server);
  assert.match(await raw(server.url, upgrade('/nowhere', SUBPROTOCOL)), /404/);
  assert.match(await raw(server.url, upgrade(`${PATHS.watch}?token=x`, SUBPROTOCOL)), /400/);
  assert.match(await raw(server.url, upgrade(PATHS.watch, 'other')), /400/);
  assert.match(await raw(server.url, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '), /408/);
  assert.match(await raw(server.url, 'no HTTP at all\r\n\r\n'), /400/);
  const reasons = ['unknown_path', 'query_not_allowed', 'subprotocol_missing', 'request_timeout', 'malformed_request'];
  for (const reason of reasons) assert.equal(await server.metric('hayate_upgrades_refused_total', { reason }), 1, reason);
  for (const path of [
    '/api/archive/objects/..%2f..%2fsecret',
    '/api/archive/objects/../secret',
    '/api/archive/objects/%00',
    '/%2e%2e/secret',
    '/..%2fsecret',
  ]) {
    const response = await fetch(`${server.url}${path}`, {
      headers: { Authorization: `Bearer ${await server.token({ moderate: ['*'] })}` },
    });
    assert.ok([400, 404].includes(response.status), `${path}: ${response.status}`);
    assert.doesNotMatch(await response.text(), /^[0-9a-f]{64}/);
  }
  await unharmed();
});

test('development tokens are not given to other sites', async (t) => {
  const server = await startTestServer(t, ROLES);
  const body = JSON.stringify({ grants: { publish: ['*'] } });
  const ask = (headers: string) => raw(server.url, `POST /dev/token HTTP/1.1\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`);
  assert.match(await ask('Host: evil.example\r\nContent-Type: application/json\r\n'), /403/);
  assert.match(await ask('Host: localhost\r\nContent-Type: text/plain\r\n'), /400/);
  assert.match(await ask('Host: localhost\r\nContent-Type: application/json\r\n'), /307/);
});

interface Vector {
  file: string;
  message: string;
  failure?: CloseCodeName;
}
const { vectors } = JSON.parse(readFileSync(`${root}/spec/vectors/index.json`, 'utf8')) as { vectors: Vector[] };

/** A vector as a frame of `epoch`; a vector that is not a frame is returned unchanged. */
function ofEpoch(vector: Uint8Array, epoch: bigint): Uint8Array {
  try {
    const header = peekFrame(vector);
    return encodeFrame({ ...header, epoch, payload: framePayload(vector, header) });
  } catch {
    return vector;
  }
}

test('every test vector of a frame that must be refused is refused as spec/vectors says', async (t) => {
  const server = await startTestServer(t, ROLES);
  const unharmed = await bystanders(t, server);
  const bad = vectors.filter(({ message, failure }) => message === 'Frame' && failure !== undefined);
  assert.ok(bad.length > 5);
  for (const { file, failure } of bad) {
    assert.ok(failure);
    const peer = await connectPeer(t, server.url, PATHS.publish);
    peer.send({ publish: { stream: 'studio-7', token: await server.token({ publish: ['*'] }) } });
    const { epoch } = await peer.until('Published', ({ published }) => published);
    peer.send({ frames: [ofEpoch(readFileSync(`${root}/spec/vectors/${file}`), epoch)] });
    assert.equal((await peer.closed()).code, CloseCodes[failure].code, file);
  }
  await unharmed();
});

const RUNS = 10_000;
/** Bystanders send no receipts while strings are sent. */
const PATIENT = [...ROLES, '--idle-timeout-ms', '10m', '--receipt-timeout-ms', '10m'];

/** Distributes the strings over a few connections; `one` sends each and checks the result. */
async function deal(strings: readonly Uint8Array[], one: (bytes: Uint8Array, lane: number) => Promise<void>): Promise<void> {
  const lanes = 8;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let index = lane; index < strings.length; index += lanes) await one(strings[index] ?? new Uint8Array(), lane);
    }),
  );
}

function randomStrings(t: TestContext): Uint8Array[] {
  const seed = Date.now() % 2 ** 31;
  t.diagnostic(`seed ${seed}: ${RUNS.toLocaleString('en')} hostile inputs`);
  return fc.sample(fc.uint8Array({ maxLength: 200 }), { numRuns: RUNS, seed });
}

for (const [path, first] of [
  [PATHS.publish, (token: string, lane: number) => ({ publish: { stream: `fuzz-${lane}`, token } })],
  [PATHS.watch, (token: string, lane: number) => ({ watch: { stream: `fuzz-${lane}`, token } })],
] as const) {
  test(`10,000 random byte strings to ${path} are each refused with a documented code or accepted as a valid message`, async (t) => {
    const server = await startTestServer(t, [...PATIENT, '--frames-per-second-max', '1000000', '--bits-per-second-max', '1000000000']);
    const unharmed = await bystanders(t, server);
    const token = await server.token({ publish: ['*'], watch: ['*'] });
    const ping = toBinary(ClientMessageSchema, create(ClientMessageSchema, { ping: { id: 1 } }));
    const open = new Map<number, WebSocket>();
    const closes = new Map<number, number>();
    const answered = (socket: WebSocket) =>
      new Promise<void>((resolve) => {
        const done = () => {
          socket.off('message', done).off('close', done);
          resolve();
        };
        socket.on('message', done).on('close', done);
      });
    const connectLane = async (lane: number): Promise<WebSocket> => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, SUBPROTOCOL);
      socket.on('error', () => undefined);
      socket.on('close', (code) => closes.set(code, (closes.get(code) ?? 0) + 1));
      socket.on('open', () => socket.send(toBinary(ClientMessageSchema, create(ClientMessageSchema, first(token, lane)))));
      open.set(lane, socket);
      await answered(socket);
      return socket;
    };
    await deal(randomStrings(t), async (bytes, lane) => {
      const held = open.get(lane);
      const socket = held?.readyState === WebSocket.OPEN ? held : await connectLane(lane);
      const answer = answered(socket);
      socket.send(bytes);
      socket.send(ping);
      await answer;
    });
    for (const socket of open.values()) socket.terminate();
    // Bytes that happen to be END or a token are processed as such.
    const documented: readonly number[] = [CloseCodes.PROTOCOL_ERROR.code, CloseCodes.UNAUTHORIZED.code, CloseCodes.NORMAL.code, 1006];
    assert.deepEqual(
      [...closes.keys()].filter((code) => !documented.includes(code)),
      [],
    );
    assert.ok((closes.get(CloseCodes.PROTOCOL_ERROR.code) ?? 0) > RUNS / 2);
    await unharmed();
  });
}

test('10,000 random byte strings to the port are each refused with 400', async (t) => {
  const server = await startTestServer(t, PATIENT);
  const unharmed = await bystanders(t, server);
  let answers = 0;
  await deal(randomStrings(t), async (bytes) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (data.toString('latin1').startsWith('HTTP/1.1 400')) answers++;
    });
    socket.end(bytes);
    await new Promise((resolve) => socket.on('close', resolve));
  });
  assert.ok(answers > RUNS / 2, `${answers} answers`);
  await unharmed();
});
