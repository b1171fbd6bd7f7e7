// The golden transcripts. The client's side of each is played to a real server. A message is sent
// once the server has sent as much as before it in the recording. The answers must be of the same
// kinds, in the same order, with the same frames and close codes. Google's Python codec reads every
// recorded message as the transcript shows it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { type ClientMessage, encodeFrame, framePayload, peekFrame, type ServerMessage } from '@hayate/protocol';
import { poll } from '../support/poll.ts';
import { root } from '../support/process.ts';
import { requirePython, requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, type WirePeer } from '../support/wire-peer.ts';
import {
  clientMessage,
  serverMessage,
  type Transcript,
  type TranscriptConnection,
  type TranscriptEvent,
  type TranscriptMessage,
  transcriptJson,
} from './transcript.ts';
import { STREAM, storedTranscripts, TranscriptServer } from './transcripts.ts';

const transcripts = storedTranscripts();
const NAMES = ['end', 'join', 'late-join', 'resend', 'resume-after-crash', 'return', 'supersede'];

/**
 * The server's messages on a connection, without the parts that depend on time: pongs, audiences,
 * and the number of acknowledgements.
 */
interface Shape {
  /** Kinds of messages in order; repetitions of a kind count once. */
  kinds: string[];
  frames: number[];
  acknowledged: bigint;
}

const TIMED = new Set(['pong', 'ack', 'audience', 'frames']);

function kindsOf(message: ServerMessage): string[] {
  const { $typeName: _, $unknown: __, ...fields } = message;
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || (Array.isArray(value) && value.length === 0) ? [] : [name],
  );
}

function shapeOf(messages: readonly ServerMessage[]): Shape {
  const kinds = messages.flatMap(kindsOf).filter((kind) => !TIMED.has(kind));
  const frames = messages.flatMap((message) => message.frames.map((frame) => peekFrame(frame).sequence));
  const acknowledged = messages.reduce((next, { ack }) => (ack !== undefined && ack.nextSequence > next ? ack.nextSequence : next), 0n);
  return { kinds: kinds.filter((kind, i) => kind !== kinds[i - 1]), frames, acknowledged };
}

/** Sequences that the transcript's broadcasters sent. */
function sentSequences({ connections }: Transcript): number[] {
  const messages = connections.flatMap((connection) => connection.messages).filter(({ from }) => from === 'client');
  return messages.flatMap(({ hex }) => clientMessage(hex).frames.map((frame) => peekFrame(frame).sequence));
}

/** The steps of a transcript, in the order in which they happened. */
type Step =
  | { atMs: number; message: TranscriptMessage; connection: TranscriptConnection }
  | { atMs: number; what: Transcript['events'][number]['what'] }
  | { atMs: number; close: TranscriptConnection['close']; connection: TranscriptConnection };

function stepsOf({ connections, events }: Transcript): Step[] {
  const lists: Step[][] = connections.map((connection) => [
    ...connection.messages.map((message) => ({ atMs: message.atMs, message, connection })),
    { atMs: connection.close.atMs, close: connection.close, connection },
  ]);
  lists.push([...events]);
  // Merged by time. Within a connection the recorded order holds. Across connections, at the same
  // time, clients come first: a frame must be sent before a viewer gets it.
  const rank = (step: Step): number => ('message' in step && step.message.from === 'client' ? 0 : 'message' in step ? 1 : 2);
  const steps: Step[] = [];
  for (;;) {
    const heads = lists.flatMap((list) => list.slice(0, 1)).toSorted((a, b) => a.atMs - b.atMs || rank(a) - rank(b));
    const [next] = heads;
    if (next === undefined) return steps;
    steps.push(next);
    lists.find((list) => list[0] === next)?.shift();
  }
}

/** The server that a transcript is played to. */
interface ReplayServer {
  readonly url: string;
  token(grants: { publish?: string[]; watch?: string[] }): Promise<string>;
  act(what: TranscriptEvent): Promise<void>;
}

/**
 * A separate process if events happen to it, otherwise a server in this process, which starts
 * sooner.
 */
async function serverFor(t: TestContext, { events, flags }: Transcript): Promise<ReplayServer> {
  if (events.length === 0) return { ...(await startTestServer(t, flags)), act: () => assert.fail('nothing happens to this server') };
  const server = new TranscriptServer(t, flags);
  await server.start();
  return server;
}

/** Plays the client's side of a transcript. */
class Replay {
  readonly #t: TestContext;
  readonly #server: ReplayServer;
  readonly #peers = new Map<TranscriptConnection, WirePeer>();
  /** The epochs of this run, by the epochs of the recording. */
  readonly #epochs = new Map<bigint, bigint>();
  /** The awaited messages of the server, by recorded connection. */
  readonly #awaited = new Map<TranscriptConnection, ServerMessage[]>();

  constructor(t: TestContext, server: ReplayServer) {
    this.#t = t;
    this.#server = server;
  }

  async run(step: Step): Promise<void> {
    if ('what' in step) return this.#server.act(step.what);
    const { connection } = step;
    if ('close' in step) return this.#end(connection);
    const peer = await this.#peer(connection);
    if (step.message.from === 'client') peer.send(await this.#live(clientMessage(step.message.hex)));
    else await this.#await(connection, peer, serverMessage(step.message.hex));
  }

  /** The shape of the server's messages on a connection. */
  shape(connection: TranscriptConnection): Shape {
    return shapeOf(this.#peers.get(connection)?.received ?? []);
  }

  async #peer(connection: TranscriptConnection): Promise<WirePeer> {
    const known = this.#peers.get(connection);
    if (known !== undefined) return known;
    const peer = await connectPeer(this.#t, this.#server.url, connection.endpoint);
    this.#peers.set(connection, peer);
    return peer;
  }

  /** A recorded message with the token, ticket and epoch of this run. */
  async #live(recorded: ClientMessage): Promise<ClientMessage> {
    const message = structuredClone(recorded);
    const { publish, watch, receipt } = message;
    if (publish !== undefined) publish.token = await this.#server.token({ publish: [STREAM] });
    if (publish !== undefined && publish.ticket.length > 0) publish.ticket = this.#newestTicket();
    if (watch !== undefined) watch.token = await this.#server.token({ watch: [STREAM] });
    if (watch !== undefined) watch.epoch = this.#epoch(watch.epoch);
    if (receipt !== undefined) receipt.epoch = this.#epoch(receipt.epoch);
    message.frames = message.frames.map((frame) => {
      const header = peekFrame(frame);
      return encodeFrame({ ...header, epoch: this.#epoch(header.epoch), payload: framePayload(frame, header) });
    });
    return message;
  }

  #newestTicket(): Uint8Array {
    const tickets = [...this.#peers.values()].flatMap(({ received }) =>
      received.map(({ published, ack }) => published?.ticket ?? ack?.ticket),
    );
    return tickets.findLast((ticket) => ticket !== undefined && ticket.length > 0) ?? assert.fail('there is no ticket');
  }

  #epoch(recorded: bigint): bigint {
    return recorded === 0n ? 0n : (this.#epochs.get(recorded) ?? assert.fail('an epoch that the server has not named'));
  }

  /** Waits until the server has sent as much as in the recording. */
  async #await(connection: TranscriptConnection, peer: WirePeer, message: ServerMessage): Promise<void> {
    const said = [...(this.#awaited.get(connection) ?? []), message];
    this.#awaited.set(connection, said);
    const wanted = shapeOf(said);
    const pong = message.pong?.id;
    await poll(`${kindsOf(message).join()} on ${connection.endpoint}`, () => {
      const own = shapeOf(peer.received);
      const frames = new Set(own.frames);
      return (
        own.kinds.length >= wanted.kinds.length &&
        own.acknowledged >= wanted.acknowledged &&
        wanted.frames.every((sequence) => frames.has(sequence)) &&
        (pong === undefined || peer.received.some((one) => one.pong?.id === pong))
      );
    });
    if (message.published !== undefined)
      this.#epochs.set(message.published.epoch, peer.received.findLast(({ published }) => published)?.published?.epoch ?? 0n);
  }

  async #end(connection: TranscriptConnection): Promise<void> {
    const peer = await this.#peer(connection);
    if (connection.close.by === 'client') peer.close();
    else if (connection.close.by === 'network') peer.cut();
    const { code } = await peer.closed();
    // The server answers a client's close with its code. A cut connection and a killed server send
    // nothing.
    assert.equal(code, connection.close.code, connection.endpoint);
  }
}

test('each situation has a transcript, and no transcript holds a token', () => {
  assert.deepEqual(
    transcripts.map(({ name }) => name),
    NAMES,
  );
  for (const { name, connections } of transcripts)
    for (const { messages } of connections)
      for (const message of messages.filter(({ from }) => from === 'client')) {
        const { publish, watch, token } = clientMessage(message.hex);
        for (const secret of [publish?.token, watch?.token, token]) assert.match(secret ?? '', /^x*$/, name);
      }
});

test('each message is shown as its bytes decode, and times do not go back', () => {
  for (const { name, connections } of transcripts)
    for (const { endpoint, messages, close } of connections) {
      for (const { from, hex, json } of messages) assert.deepEqual(json, transcriptJson(from, hex), `${name} ${endpoint}`);
      const times = [...messages.map(({ atMs }) => atMs), close.atMs];
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
        `${name} ${endpoint}`,
      );
    }
});

for (const transcript of transcripts)
  test(`a real server answers the client of "${transcript.name}" as recorded`, async (t) => {
    if (transcript.events.some(({ what }) => what.startsWith('log')) && requireTool(t, 'prlimit') === undefined) return;
    const replay = new Replay(t, await serverFor(t, transcript));
    for (const step of stepsOf(transcript)) await replay.run(step);
    const sent = new Set(sentSequences(transcript));
    for (const connection of transcript.connections) {
      const recorded = connection.messages.filter(({ from }) => from === 'server').map(({ hex }) => serverMessage(hex));
      const [wanted, found] = [shapeOf(recorded), replay.shape(connection)];
      assert.deepEqual(found.kinds, wanted.kinds, connection.endpoint);
      assert.equal(found.acknowledged, wanted.acknowledged, connection.endpoint);
      // The frames from before a viewer's arrival depend on how long ago they were.
      const given = new Set(found.frames);
      assert.deepEqual(
        wanted.frames.filter((sequence) => !given.has(sequence)),
        [],
        connection.endpoint,
      );
      assert.deepEqual(
        found.frames.filter((sequence) => !sent.has(sequence)),
        [],
        connection.endpoint,
      );
    }
  });

test("Python's codec reads every message of every transcript as it is shown", (t) => {
  const protoc = requireTool(t, 'protoc');
  const python = protoc && requirePython(t, 'google.protobuf');
  if (protoc === undefined || python === undefined) return;
  const proto = join(root, 'packages/protocol/proto');
  const descriptors = join(tempDir(t), 'descriptors.bin');
  const sources = readdirSync(join(proto, 'hayate/v1')).map((name) => `hayate/v1/${name}`);
  const compiled = spawnSync(protoc, [`--proto_path=${proto}`, `--descriptor_set_out=${descriptors}`, ...sources], { encoding: 'utf8' });
  assert.equal(compiled.status, 0, compiled.stderr);
  const messages = transcripts.flatMap(({ connections }) => connections.flatMap((connection) => connection.messages));
  const lines = messages.flatMap(({ from, hex }) => {
    const { frames } = from === 'client' ? clientMessage(hex) : serverMessage(hex);
    const type = from === 'client' ? 'ClientMessage' : 'ServerMessage';
    return [`hayate.v1.${type} ${hex}`, ...frames.map((frame) => `hayate.v1.Frame ${Buffer.from(frame).toString('hex')}`)];
  });
  const input = `${lines.join('\n')}\n`;
  const read = spawnSync(python, [join(root, 'test/conformance/read-protobuf.py'), descriptors], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  assert.equal(read.status, 0, read.stderr);
  const readings = read.stdout.trimEnd().split('\n');
  assert.equal(readings.length, lines.length);
  let at = 0;
  for (const { from, hex, json } of messages) {
    const count = (from === 'client' ? clientMessage(hex) : serverMessage(hex)).frames.length;
    const { frames: encoded, ...rest }: JsonObject = JSON.parse(readings[at++] ?? '');
    assert.equal(Array.isArray(encoded) ? encoded.length : 0, count);
    const frames = readings.slice(at, at + count).map((line): JsonObject => JSON.parse(line));
    at += count;
    assert.deepEqual(count === 0 ? rest : { ...rest, frames }, json);
  }
  // The codec decodes whatever bytes it gets, and refuses bytes that are not a message.
  const refused = spawnSync(python, [join(root, 'test/conformance/read-protobuf.py'), descriptors], {
    input: 'hayate.v1.ServerMessage 0aff\n',
    encoding: 'utf8',
  });
  assert.equal(refused.stdout.trim(), 'refused');
});
