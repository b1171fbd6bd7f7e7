// The scenarios that both sides share: close codes, refused upgrades, silence and slow answers.
// Each side passes its own way to answer a client's first message.
import { CloseCodes } from '@hayate/protocol';
import type { Connection } from './connection.ts';
import type { RuleId } from './rule.ts';
import type { Scenario } from './scenario.ts';
import { RETURN_MS, type Stage } from './stage.ts';

/** The connections of a server's part in one scenario. */
export interface Party {
  /** Waits for the first connection and answers it. */
  begin(): Promise<Connection>;
  /**
   * Answers the first message of `connection`, which may be the client's first or a returning one.
   */
  answer(connection: Connection): void;
}

/** RFC 6455 section 7.4.1: codes by which a peer says that the data it received was wrong (C8). */
const WRONG_INPUT = [1002, 1003, 1007, 1008, 1010];
/**
 * Codes that the contract does not name. One client meets the codes of a group in turn. undefined:
 * a close frame without a code.
 */
const UNKNOWN = [
  [1001, 1011, 1012, 1013],
  [1014, 3000, 4000, 4404],
  [4499, 4999, undefined],
];
const REFUSALS = [
  [503, 429, 500, 408],
  [425, 502, 504, 599],
];
/** C4: 8 s of silence and 10 s without an answer. Each is extended for a busy client. */
const GIVE_UP_MS = 25_000;
/** A delay of the answer within the 10 s of C4. */
const SLOW_ANSWER_MS = 4_000;

/**
 * The connection scenarios of one side. `final`: a rule of that side which SUPERSEDED and
 * STREAM_ENDED check too.
 */
export function connectionScenarios(partyOf: (stage: Stage) => Party, final?: RuleId): Scenario[] {
  const temporary = codesWhere(true);
  const groups = [temporary.slice(0, 4), temporary.slice(4, 7), temporary.slice(7)];
  return [
    silent(partyOf),
    unanswered(partyOf),
    ...groups.map((codes, index) => returning(`temporary-codes-${index + 1}`, 'C6', codes, partyOf)),
    ...UNKNOWN.map((codes, index) => returning(`unknown-codes-${index + 1}`, 'C8', codes, partyOf)),
    ...REFUSALS.map((statuses, index) => refused(`refused-upgrades-${index + 1}`, statuses, partyOf)),
    slowAnswer(partyOf),
    ...codesWhere(false).map((code) => permanent(code, ['C7', ...alsoChecked(code, final)], partyOf)),
    ...WRONG_INPUT.map((code) => permanent(code, ['C8'], partyOf)),
  ];
}

/** The contract's close codes. TICKET_INVALID has its own scenario. */
function codesWhere(temporary: boolean): number[] {
  return Object.values(CloseCodes).flatMap((entry) =>
    entry.temporary === temporary && entry !== CloseCodes.TICKET_INVALID ? [entry.code] : [],
  );
}

function returning(name: string, rule: 'C6' | 'C8', codes: readonly (number | undefined)[], partyOf: (stage: Stage) => Party): Scenario {
  return {
    name,
    about: `the server closes with ${codes.map((code) => code ?? 'no code').join(', ')} in turn`,
    rules: rule === 'C6' ? ['C6', 'I1'] : ['C6', 'C8', 'I1'],
    frames: 5_000,
    async play(stage) {
      const party = partyOf(stage);
      let connection = await party.begin();
      for (const code of codes) {
        const lines = stage.lines.length;
        connection.close(code);
        connection = await stage.acceptReturn(connection, { rule, what: `the client to return after close code ${code ?? 1005}` });
        party.answer(connection);
        const isTold = () =>
          stage.lines.slice(lines).some((line) => line.event === 'closed' && line.code === (code ?? 1005) && line.retry === true);
        if (stage.program !== undefined) await stage.until('I1', `a line "closed" with code ${code ?? 1005} and retry true`, isTold);
      }
      await stage.dismiss();
    },
  };
}

/** The rules, in addition to C7, that a permanent code checks. */
function alsoChecked(code: number, final: RuleId | undefined): RuleId[] {
  if (code === CloseCodes.MESSAGE_TOO_BIG.code) return ['C8'];
  const isFinal = code === CloseCodes.SUPERSEDED.code || code === CloseCodes.STREAM_ENDED.code;
  return isFinal && final !== undefined ? [final] : [];
}

function permanent(code: number, rules: readonly RuleId[], partyOf: (stage: Stage) => Party): Scenario {
  return {
    name: `permanent-code-${code}`,
    about: `the server closes with ${code}`,
    rules: [...rules, 'I1', 'I2'],
    frames: 5_000,
    async play(stage) {
      const connection = await partyOf(stage).begin();
      const { messages } = connection;
      await stage.until('C3', 'messages of the client', () => connection.messages > messages);
      connection.close(code);
      await stage.expectAbsence(rules, `close code ${code}`);
      await stage.expectExit(code === 1000 ? 0 : 1, `close code ${code}`);
      await stage.line(
        `a line "closed" with code ${code} and retry false`,
        (line) => line.event === 'closed' && line.code === code && line.retry === false,
      );
    },
  };
}

function refused(name: string, statuses: readonly number[], partyOf: (stage: Stage) => Party): Scenario {
  return {
    name,
    about: `upgrades are refused with ${statuses.join(', ')} in turn`,
    rules: ['C6'],
    async play(stage) {
      stage.server.refusals.push(...statuses);
      await stage.until('C2', 'an upgrade request', () => stage.server.attempts.length > 0);
      for (const [attempt, status] of statuses.entries()) {
        const next = await stage.until(
          'C6',
          `the client to return after status ${status}`,
          () => stage.server.attempts[attempt + 1],
          RETURN_MS,
        );
        stage.judgeWait(stage.server.attempts[attempt]?.atMs ?? 0, next.atMs, attempt);
      }
      await partyOf(stage).begin();
      await stage.dismiss();
    },
  };
}

function silent(partyOf: (stage: Stage) => Party): Scenario {
  return {
    name: 'silent-server',
    about: 'the server sends nothing more, not even pongs, and the connection stays open',
    rules: ['C4'],
    frames: 5_000,
    async play(stage) {
      const connection = await partyOf(stage).begin();
      const { messages } = connection;
      await stage.until('C3', 'messages of the client', () => connection.messages > messages);
      connection.hush();
      await stage.accept('C4', 'a new connection, since the old one is silent', GIVE_UP_MS);
      await stage.dismiss();
    },
  };
}

function unanswered(partyOf: (stage: Stage) => Party): Scenario {
  return {
    name: 'unanswered',
    about: 'the server reads the first message and never answers it',
    rules: ['C4'],
    frames: 5_000,
    async play(stage) {
      await stage.accept('C2', 'a connection');
      const second = await stage.accept('C4', 'a new connection, since the first message was not answered', GIVE_UP_MS);
      partyOf(stage).answer(second);
      await stage.watchFor(() => second.closed, 1_000);
      stage.verdict.check('C4', second.isOpen, 'the client left the connection that was answered');
      await stage.dismiss();
    },
  };
}

function slowAnswer(partyOf: (stage: Stage) => Party): Scenario {
  return {
    name: 'slow-answer',
    about: `the server answers the first message after ${SLOW_ANSWER_MS / 1000} s`,
    rules: ['C2', 'C4'],
    async play(stage) {
      const connection = await stage.accept('C2', 'a connection');
      await stage.watchFor(() => connection.closed, SLOW_ANSWER_MS);
      stage.verdict.check('C4', connection.isOpen, `the client gave up before ${SLOW_ANSWER_MS / 1000} s`);
      partyOf(stage).answer(connection);
      const { messages } = connection;
      await stage.until('C2', 'messages after the answer', () => connection.messages > messages);
      await stage.dismiss();
    },
  };
}
