// A client that does exactly what spec/wire.md requires resumes after the server was killed: it
// forgets each frame as soon as it is acknowledged and presents its newest ticket. The SDK does
// more than the specification requires, so it would hide a gap in it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { PATHS } from '@hayate/protocol';
import { type ServerProcess, startHayateServer } from '../support/hayate.ts';
import { tempDir } from '../support/temp-dir.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const stream = 'text';

async function publish(t: TestContext, server: ServerProcess, ticket: Uint8Array) {
  const response = await fetch(`${server.url}/dev/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grants: { publish: [stream] } }),
  });
  const { token } = (await response.json()) as { token: string };
  const peer = await connectPeer(t, server.url, PATHS.publish);
  peer.send({ publish: { stream, token, ticket } });
  const published = await peer.until('Published', (message) => message.published);
  return { peer, published };
}

/** Returns the Ack that covers `nextSequence`, and the newest ticket of the connection. */
async function acknowledged(peer: WirePeer, nextSequence: number) {
  const ack = await peer.until(`Ack ${nextSequence}`, ({ ack }) =>
    ack !== undefined && ack.nextSequence >= nextSequence ? ack : undefined,
  );
  const tickets = peer.received
    .flatMap((message) => [message.published?.ticket, message.ack?.ticket])
    .filter((one) => one !== undefined && one.length > 0);
  return { ack, ticket: tickets.at(-1) ?? new Uint8Array() };
}

test('a client that forgets acknowledged frames resumes with its newest ticket after each of three kills', async (t) => {
  const data = join(tempDir(t), 'data');
  let server = await startHayateServer(t, { data });
  let { peer, published } = await publish(t, server, new Uint8Array());
  const source = new FrameSource(stream, published.epoch);
  peer.send({ frames: [source.header('By the text')] });
  for (let kill = 0; kill < 3; kill++) {
    // Several Acks within one second: each must carry everything that the next server needs.
    let ticket: Uint8Array = new Uint8Array();
    for (let batch = 0; batch < 3; batch++) {
      peer.send({ frames: [source.audio(), source.audio()] });
      ({ ticket } = await acknowledged(peer, source.sequence));
    }
    server.process.kill('SIGKILL');
    await server.process.exit;
    server = await startHayateServer(t, { data });
    ({ peer, published } = await publish(t, server, ticket));
    assert.equal(published.epoch, source.epoch);
    assert.equal(published.nextSequence, BigInt(source.sequence), 'the ticket vouches for everything acknowledged');
  }
  peer.send({ frames: [source.audio()], end: { nextSequence: BigInt(source.sequence) } });
  const ended = await peer.until('Ended', (message) => message.ended);
  assert.equal(ended.nextSequence, BigInt(source.sequence));
});

test('a client with an older ticket resumes if it declares the forgotten frames dropped', async (t) => {
  const data = join(tempDir(t), 'data');
  const first = await startHayateServer(t, { data });
  const begun = await publish(t, first, new Uint8Array());
  const source = new FrameSource(stream, begun.published.epoch);
  begun.peer.send({ frames: [source.header('By the text'), source.audio()] });
  await acknowledged(begun.peer, source.sequence);
  first.process.kill('SIGKILL');
  await first.process.exit;
  const second = await startHayateServer(t, { data });
  const { peer, published } = await publish(t, second, begun.published.ticket);
  assert.equal(published.nextSequence, 0n);
  peer.send({ frames: [source.audio()], dropped: [{ first: 0n, last: 1n }], end: { nextSequence: 3n } });
  const ended = await peer.until('Ended', (message) => message.ended);
  assert.equal(ended.nextSequence, 3n);
});
