// A broadcast from beginning to end, with connections that break in between: frames, tickets,
// resumption, End.
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Broadcast } from './broadcast.ts';
import type { PublishSession } from './publish-session.ts';

/** Number of frames after which a client certainly has a history worth resuming. */
const SOME_FRAMES = 80;

export const broadcastScenarios: readonly Scenario[] = [
  {
    name: 'begin-and-end',
    about: 'a broadcast without faults',
    rules: ['C1', 'C2', 'C3', 'B1', 'B2', 'B5', 'B9', 'B11', 'B12', 'B13', 'I1', 'I2'],
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const session = await broadcast.begin();
      await broadcast.published(session, 0);
      await broadcast.frames(session, SOME_FRAMES);
      if (session.connection.pings === 0)
        stage.verdict.advise('C3', 'no Ping arrived with the first frames: the client does not measure the clock');
      await broadcast.settle(session);
      await broadcast.ends(session);
      broadcast.conclude();
    },
  },
  {
    name: 'cut-and-resume',
    about: 'the TCP connection breaks four times, after a random number of messages',
    rules: ['C6', 'B2', 'B3', 'B4', 'B5', 'B9', 'B12', 'B13'],
    frames: 500,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      let session = await broadcast.begin();
      for (let times = 0; times < 4; times++) {
        await cutAfter(stage, session, stage.random.between(5, 60));
        session = await broadcast.resume(session);
        await broadcast.accounts(session);
      }
      await broadcast.ends(session);
      broadcast.conclude();
    },
  },
  {
    name: 'bare-acks',
    about: 'Acks without a ticket, then a server that knows only the ticket',
    rules: ['B3', 'B4', 'B8', 'B9'],
    frames: 400,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin();
      await broadcast.frames(first, 40);
      await broadcast.settle(first);
      first.ack = 'bare';
      const vouched = broadcast.tickets.vouched(first.ledger.epoch);
      await broadcast.frames(first, 160);
      await broadcast.settle(first);
      first.connection.cut();
      first.ledger.forgetFrom(vouched);
      const second = await broadcast.resume(first, { next: vouched });
      await broadcast.accounts(second);
      stage.verdict.check('B8', second.accounted.has(vouched), `sequence ${vouched} was not accounted for`);
      await broadcast.ends(second);
      broadcast.conclude();
    },
  },
  {
    name: 'server-forgets',
    about: 'the client resumes at a server that has fewer frames than the ticket vouches for',
    rules: ['B3', 'B4', 'B8', 'B9'],
    frames: 400,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin();
      await broadcast.frames(first, SOME_FRAMES);
      await broadcast.settle(first);
      first.connection.cut();
      first.ledger.forgetFrom(10);
      const second = await broadcast.resume(first, { next: 10 });
      await broadcast.accounts(second);
      stage.verdict.check('B8', second.accountsUpTo(second.nextBefore - 1), 'a frame that is no longer held was not declared');
      await broadcast.ends(second);
      broadcast.conclude();
    },
  },
  {
    name: 'server-knows-more',
    about: 'the client resumes at a server with frames that the server never acknowledged',
    rules: ['B3', 'B4', 'B9'],
    frames: 300,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin({ ack: 'never' });
      await broadcast.frames(first, SOME_FRAMES);
      await broadcast.settle(first);
      first.connection.cut();
      const second = await broadcast.resume(first);
      await broadcast.published(second, second.nextBefore);
      await broadcast.accounts(second);
      await broadcast.ends(second);
      broadcast.conclude();
    },
  },
  {
    name: 'end-lost',
    about: 'the connection breaks after End, and the answer to the second End is late',
    rules: ['B4', 'B9', 'B11'],
    frames: 60,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin();
      await stage.until('B9', 'End', () => first.end);
      first.connection.cut();
      const second = await broadcast.resume(first);
      await stage.until('B9', 'End again after a resume', () => second.end);
      await stage.watchFor(() => second.connection.closed, 2_000);
      stage.verdict.check('B9', second.connection.isOpen, 'the client left before Ended');
      second.finish(second.ledger.next);
      await broadcast.ends(second);
      broadcast.conclude();
    },
  },
];

/** Breaks the connection after `messages` more messages. */
async function cutAfter(stage: Stage, { connection }: PublishSession, messages: number): Promise<void> {
  const { messages: before } = connection;
  await stage.until('C3', `${messages} messages`, () => connection.messages >= before + messages);
  connection.cut();
}
