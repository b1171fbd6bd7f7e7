// docs/client/README.md, "A ticket that outlives the app". An app that was killed knows its ticket
// and a sequence above all that it used, but none of its frames. The page's instructions continue
// the epoch, get acknowledgements, and end it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ServerMessage } from '@hayate/protocol';
import { startTestServer, type TestServer } from '../support/server.ts';
import { connectPeer, FrameSource, type WirePeer } from '../support/wire-peer.ts';

const STREAM = 'phone';
/** According to the page, the stored sequence is 1,000 ahead. */
const AHEAD = 1_000;

const publish = async (t: TestContext, server: TestServer, ticket: Uint8Array = new Uint8Array()): Promise<WirePeer> => {
  const peer = await connectPeer(t, server.url, '/publish');
  peer.send({ publish: { stream: STREAM, token: await server.token({ publish: [STREAM] }), ticket } });
  return peer;
};
const published = ({ published }: ServerMessage) => published;
/** The ticket of an Ack of at least `nextSequence`. */
const ticketFor = (nextSequence: bigint) => (message: ServerMessage) =>
  message.ack !== undefined && message.ack.nextSequence >= nextSequence && message.ack.ticket.length > 0 ? message.ack : undefined;

for (const [what, unacknowledged] of [
  ['with unacknowledged frames', 3],
  ['with all frames acknowledged', 0],
] as const)
  test(`an app that was killed ${what} continues its epoch by ticket and stored sequence`, async (t) => {
    const server = await startTestServer(t);
    const before = await publish(t, server);
    const { epoch } = await before.until('Published', published);
    const source = new FrameSource(STREAM, epoch);
    before.send({ frames: [source.header('On the way'), source.audio(), source.key()] });
    const { ticket } = await before.until('an acknowledgement', ticketFor(3n));
    const kept = Array.from({ length: unacknowledged }, () => source.audio());
    if (kept.length > 0) before.send({ frames: kept });
    before.cut();

    const after = await publish(t, server, ticket);
    const answer = await after.until('Published', published);
    assert.equal(answer.epoch, epoch);
    assert.ok(answer.generation > 1 && answer.nextSequence >= 3n && answer.nextSequence < AHEAD);
    const continued = new FrameSource(STREAM, epoch, AHEAD);
    after.send({ dropped: [{ first: answer.nextSequence, last: BigInt(AHEAD - 1) }] });
    after.send({ frames: [continued.header('On the way again'), continued.key(), continued.delta()] });
    after.send({ end: { nextSequence: BigInt(continued.sequence) } });
    const ended = await after.until('Ended', (message) => message.ended);
    assert.equal(ended.nextSequence, BigInt(AHEAD + 3));
    assert.equal((await after.closed()).code, 1000);
    const acknowledged = after.received.flatMap(({ ack }) => (ack === undefined ? [] : [ack.nextSequence]));
    assert.equal(acknowledged.at(-1), BigInt(AHEAD + 3));
  });
