// A viewer whose connection breaks or whose server stops: its Watch when it returns, and the frames
// that it then receives (C9, V1, V3, V9).
import { CloseCodes, EndReason, epochText, GapReason } from '@hayate/protocol';
import type { Connection } from '../connection.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { MadeFrame } from './frame-source.ts';
import { isNotLive } from './joining-scenarios.ts';
import { expectGaps } from './order-scenarios.ts';
import { Viewing } from './viewing.ts';

/** GoAway's close_after_ms. A client connects within half of it, and within 2 s at most. */
const CLOSE_AFTER_MS = 8_000;

export const returnScenarios: readonly Scenario[] = [
  {
    name: 'return-within',
    about: "three returns within the server's memory; frames that the client already has are repeated, also events",
    rules: ['C6', 'V3', 'V9'],
    async play(stage) {
      const { viewing, connection, frames } = await watchSome(stage);
      let old = connection;
      for (let times = 0; times < 3; times++) {
        old.cut();
        const connection = await viewing.return(old);
        viewing.watching(connection);
        const { source } = viewing;
        const fresh = [source.audio(), source.event(), source.delta(1)];
        viewing.send(connection, [...frames.slice(-stage.random.between(1, 4)), ...fresh]);
        frames.push(...fresh, await viewing.marker(connection, 'V9'));
        old = connection;
      }
      viewing.expectOnce('V3', frames);
      await stage.dismiss();
    },
  },
  {
    name: 'return-expired',
    about: 'a return after too long: the server sends the current group and a Gap with EXPIRED',
    rules: ['V3', 'V5', 'V9'],
    async play(stage) {
      const { viewing, connection, frames } = await watchSome(stage);
      connection.cut();
      const second = await viewing.return(connection);
      const { source } = viewing;
      const first = source.next;
      const group = [
        source.header({ sequence: first + 60 }),
        source.key({ sequence: first + 90 }),
        source.delta(first + 90, { sequence: first + 95 }),
      ];
      source.next = first + 100;
      viewing.watching(second);
      viewing.send(second, group, { gaps: [{ first: BigInt(first), last: BigInt(first + 99), reason: GapReason.EXPIRED }] });
      const live = [source.audio(), source.delta(first + 90)];
      viewing.send(second, live);
      await viewing.marker(second, 'V5');
      viewing.expectOnce('V5', [...group, ...live]);
      viewing.expectOnce('V3', frames);
      expectGaps(stage, 'V5', [[first, first + 99, 'EXPIRED']]);
      await stage.dismiss();
    },
  },
  {
    name: 'return-other-epoch',
    about: 'a return after which another epoch is live, whose sequences begin at 0',
    rules: ['V2', 'V9'],
    async play(stage) {
      const { viewing, connection } = await watchSome(stage);
      connection.cut();
      const second = await viewing.return(connection);
      const source = viewing.newEpoch();
      viewing.watching(second);
      const stray = source.delta(1, { sequence: 2 });
      const frames = [
        source.header({ sequence: 0 }),
        source.audio({ sequence: 1 }),
        source.key({ sequence: 3 }),
        source.delta(3, { sequence: 4 }),
      ];
      viewing.send(second, [...frames, stray]);
      await viewing.marker(second, 'V2');
      viewing.expectOnce('V2', frames);
      viewing.expectNever('V2', [stray], 'although its key was of the old epoch');
      await stage.dismiss();
    },
  },
  {
    name: 'return-not-live-yet',
    about: 'a return to a server that first sends epoch 0 and a moment later the same epoch',
    rules: ['V1', 'V3', 'V9'],
    async play(stage) {
      const { viewing, connection, frames } = await watchSome(stage);
      connection.cut();
      const second = await viewing.return(connection);
      viewing.notLive(second);
      await stage.watchFor(() => stage.lines.some(isNotLive), 500);
      stage.judgeLines('V1', () => !stage.lines.some(isNotLive), 'the client showed the end of the stream within 0.5 s of its return');
      viewing.watching(second);
      const fresh = [viewing.source.audio(), viewing.source.delta(1)];
      viewing.send(second, [...frames, ...fresh]);
      await viewing.marker(second, 'V1');
      viewing.expectOnce('V3', [...frames, ...fresh]);
      await stage.dismiss();
    },
  },
  {
    name: 'return-not-live',
    about: 'a return to a server that sends epoch 0; later another epoch begins',
    rules: ['V1', 'V9', 'V2'],
    async play(stage) {
      const { viewing, connection } = await watchSome(stage);
      connection.cut();
      const second = await viewing.return(connection);
      viewing.notLive(second);
      await stage.told('V1', 'watching null, when the client shows the end', isNotLive);
      const source = viewing.newEpoch();
      viewing.watching(second);
      const frames = [source.header(), source.key(), source.delta(1)];
      viewing.send(second, frames);
      await viewing.marker(second, 'V1');
      viewing.expectOnce('V2', frames);
      await stage.dismiss();
    },
  },
  {
    name: 'go-away',
    about: 'GoAway; both connections deliver for a while',
    rules: ['C9', 'V3', 'V9'],
    async play(stage) {
      const { viewing, connection: old, frames } = await watchSome(stage);
      const connection = await summon(stage, viewing, old);
      // Until the new connection is answered, only the old one counts.
      frames.push(await viewing.marker(old, 'C9'));
      viewing.watching(connection);
      const { source } = viewing;
      const fresh = [source.audio(), source.event(), source.delta(1)];
      viewing.send(old, fresh);
      viewing.send(connection, [...frames.slice(-3), ...fresh]);
      await viewing.marker(connection, 'C9');
      const closed = await stage.until('C9', 'the client to close the old connection', () => old.closed);
      stage.verdict.check('C9', closed.code === 1000, `the client closed the old connection with ${closed.code} and not with 1000`);
      viewing.expectOnce('V3', [...frames, ...fresh]);
      await stage.dismiss();
    },
  },
  {
    name: 'go-away-and-gone',
    about: 'GoAway; the server stops while the new connection is not answered',
    rules: ['C9', 'V3', 'V9'],
    async play(stage) {
      const { viewing, connection: old, frames } = await watchSome(stage);
      const connection = await summon(stage, viewing, old);
      old.close(CloseCodes.GOING_AWAY.code);
      await stage.watchFor(() => undefined, 1_000);
      viewing.watching(connection);
      viewing.send(connection, frames);
      await viewing.marker(connection, 'C9');
      viewing.expectOnce('V3', frames);
      stage.verdict.check('C9', stage.server.attempts.length === 2, 'the client opened a third connection');
      await stage.dismiss();
    },
  },
  {
    name: 'return-after-end',
    about: 'the connection breaks after Ended; the client returns and sees the next epoch',
    rules: ['C6', 'V10'],
    async play(stage) {
      const { viewing, connection } = await watchSome(stage);
      connection.send({ ended: { epoch: viewing.source.epoch, nextSequence: BigInt(viewing.source.next), reason: EndReason.FINISHED } });
      await stage.told('V10', 'ended', ({ event }) => event === 'ended');
      connection.cut();
      const second = await stage.acceptReturn(connection);
      viewing.take(second);
      const source = viewing.newEpoch();
      viewing.watching(second);
      const frames = [source.header(), source.key()];
      viewing.send(second, frames);
      await viewing.marker(second, 'V10');
      viewing.expectOnce('V10', frames);
      await stage.dismiss();
    },
  },
];

/** A client that has received some frames of every kind. */
async function watchSome(stage: Stage): Promise<{ viewing: Viewing; connection: Connection; frames: MadeFrame[] }> {
  const viewing = new Viewing(stage);
  const connection = await viewing.begin();
  const { source } = viewing;
  const frames = [source.header(), source.key(), source.delta(1), source.audio(), source.event(), source.audio()];
  for (const frame of frames) viewing.send(connection, [frame]);
  frames.push(await viewing.marker(connection, 'V3'));
  await stage.line('watching, with the epoch', (line) => line.event === 'watching' && line.epoch === epochText(source.epoch));
  return { viewing, connection, frames };
}

/** Sends GoAway; resolves to the connection that the client opens, with its Watch judged. */
async function summon(stage: Stage, viewing: Viewing, old: Connection): Promise<Connection> {
  old.send({ goAway: { closeAfterMs: CLOSE_AFTER_MS } });
  const connection = await stage.accept('C9', 'a new connection after GoAway', CLOSE_AFTER_MS);
  stage.verdict.check('C9', old.closed === undefined, 'the client closed the old connection before the new one was answered');
  viewing.take(connection);
  viewing.judgeReturn(connection);
  return connection;
}
