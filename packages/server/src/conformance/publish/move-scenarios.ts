// A server that stops: GoAway, and the end of the old connection while the new one is being opened
// (C9).
import { CloseCodes } from '@hayate/protocol';
import type { Connection } from '../connection.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Broadcast } from './broadcast.ts';
import type { PublishSession } from './publish-session.ts';

/** GoAway's close_after_ms. A client connects within half of it, and within 2 s at most. */
const CLOSE_AFTER_MS = 8_000;
const RULES: Scenario['rules'] = ['C9', 'B3', 'B4', 'B9'];

/** What happens to the old connection once the new one has sent its Publish. */
type Handover = (scene: { stage: Stage; old: PublishSession; answer: () => PublishSession }) => Promise<PublishSession>;

export const moveScenarios: readonly Scenario[] = [
  move('go-away', 'GoAway; the old connection stays until the client closes it', async ({ stage, old, answer }) => {
    // Until the new connection is answered, the client sends on the old one.
    const { count } = old;
    await stage.until('C9', 'new frames on the old connection while the new one is not answered', () => old.count >= count + 10);
    const session = answer();
    const closed = await stage.until('C9', 'the client to close the old connection', () => old.connection.closed);
    stage.verdict.check('C9', closed.code === 1000, `the client closed the old connection with ${closed.code} and not with 1000`);
    return session;
  }),
  move(
    'go-away-superseded-before',
    'GoAway; the old connection is closed with SUPERSEDED before the new answer',
    async ({ stage, old, answer }) => {
      old.connection.close(CloseCodes.SUPERSEDED.code);
      await stage.watchFor(() => undefined, 500);
      return answer();
    },
  ),
  move('go-away-superseded-after', 'GoAway; the old connection is closed with SUPERSEDED after the new answer', async ({ old, answer }) => {
    const session = answer();
    old.connection.close(CloseCodes.SUPERSEDED.code);
    return session;
  }),
  move('go-away-and-gone', 'GoAway; the server stops while the new connection is not answered', async ({ stage, old, answer }) => {
    old.connection.close(CloseCodes.GOING_AWAY.code);
    await stage.watchFor(() => undefined, 1_000);
    return answer();
  }),
  {
    name: 'go-away-waiting',
    about: 'GoAway; the old connection is closed with GOING_AWAY before the client has moved',
    rules: ['C6', 'B3', 'B4', 'B9'],
    frames: 400,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const old = await broadcast.begin();
      await broadcast.frames(old, 30);
      old.connection.send({ goAway: { closeAfterMs: 200 } });
      old.connection.close(CloseCodes.GOING_AWAY.code);
      const connection = await stage.accept('C6', 'the client to return');
      const session = broadcast.answerResume(connection);
      await broadcast.accounts(session);
      await broadcast.ends(session);
    },
  },
];

function move(name: string, about: string, handOver: Handover): Scenario {
  return {
    name,
    about,
    rules: RULES,
    frames: 500,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const old = await broadcast.begin();
      await broadcast.frames(old, 40);
      await broadcast.settle(old);
      const connection = await summon(stage, old);
      const session = await handOver({ stage, old, answer: () => broadcast.answerResume(connection) });
      const attempts = stage.server.attempts.length;
      await stage.until('C9', 'frames on the new connection', () => session.count >= 5);
      await broadcast.accounts(session);
      await broadcast.frames(session, 30);
      stage.verdict.check('C9', stage.server.attempts.length === attempts, 'the client opened a third connection');
      await broadcast.ends(session);
      broadcast.conclude();
    },
  };
}

/** Sends GoAway; resolves to the connection that the client opens. */
async function summon(stage: Stage, old: PublishSession): Promise<Connection> {
  old.connection.send({ goAway: { closeAfterMs: CLOSE_AFTER_MS } });
  const connection = await stage.accept('C9', 'a new connection after GoAway', CLOSE_AFTER_MS);
  stage.verdict.check('C9', old.connection.closed === undefined, 'the client closed the old connection before the new one was answered');
  return connection;
}
