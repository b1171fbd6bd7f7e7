// The environment of one scenario: a server, a client, randomness and a verdict. `until` waits for
// something that the client must do, and fails the rule if it does not happen. `watchFor` watches
// for something that the client must not do.
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ClientProgram, type ProgramLine } from './client-program.ts';
import type { Connection } from './connection.ts';
import { KitServer } from './kit-server.ts';
import type { SeededRandom } from './random.ts';
import type { RuleId } from './rule.ts';
import type { Scenario } from './scenario.ts';
import type { Verdict } from './verdict.ts';
import { Waiting } from './waiting.ts';

/** Thrown by `until` after it has failed a rule: the scenario cannot continue. */
export class SceneOver extends Error {
  override readonly name = 'SceneOver';
}

interface StageOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly random: SeededRandom;
  readonly verdict: Verdict;
  readonly scenario: Scenario;
  /** Signs a token for a stream. */
  readonly token: (stream: string) => Promise<string>;
  /** The program under test; undefined: a person starts a client by hand. */
  readonly command: readonly string[] | undefined;
  /** Tells a person where to connect the client. */
  readonly invite: (invitation: Invitation) => void;
  /** Aborted when the scenario should end soon. */
  readonly interrupted: AbortSignal;
}

/** Everything that a client needs to connect. */
export interface Invitation {
  readonly server: string;
  readonly stream: string;
  readonly token: string;
}

const DEFAULT_FRAMES = 250;
const STREAM_CHARACTERS_MAX = 64;
/**
 * Time that the client has for a step for which the contract names no time. The machine may be
 * busy.
 */
export const STEP_MS = 20_000;
/** Time that a person has to start the client if there is no program. */
const PERSON_MS = 600_000;
/** SIGTERM ends a program within 2 s. The kit allows three more. */
const TERMINATE_MS = 5_000;
/** A client waits at most 10 s before its next attempt. The kit allows five more. */
export const RETURN_MS = 15_000;
/** How long a permanently closed client is watched, unless it ends before. */
const ABSENCE_MS = 12_000;
/**
 * If the kit saw a connection open for this long, it may have been live for 5 s by the client's
 * clock.
 */
const SETTLED_MS = 4_500;
/** Timers of operating systems may fire this much too early. */
const TIMER_MS = 25;

/** The environment of one scenario. */
export class Stage {
  readonly random: SeededRandom;
  readonly verdict: Verdict;
  readonly server: KitServer;
  readonly stream: string;
  readonly #options: StageOptions;
  readonly #waiting = new Waiting();
  #accepted = 0;
  /** Number of returns since a connection that may have been live for 5 s. */
  #returns = 0;
  program: ClientProgram | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    this.random = options.random;
    this.verdict = options.verdict;
    this.stream = `kit-${randomBytes(5).toString('hex')}`.padEnd(options.scenario.longName ? STREAM_CHARACTERS_MAX : 0, '-');
    const { host, port, path, verdict } = options;
    this.server = new KitServer({ host, port, path, verdict, onChange: this.wake });
    options.interrupted.addEventListener('abort', this.#interrupt);
  }

  /** The lines that the program has printed; empty without a program. */
  get lines(): readonly ProgramLine[] {
    return this.program?.lines ?? [];
  }

  /** Wakes the waiters: something has happened. */
  readonly wake = (): void => {
    this.#waiting.wake();
  };

  readonly #interrupt = (): void => {
    // A second signal may end the kit at once, and the program must not outlive it.
    this.program?.signal('SIGKILL');
    this.wake();
  };

  /** Listens, then starts the client or asks a person to. */
  async open(): Promise<void> {
    const { host, token, command, invite, scenario } = this.#options;
    const port = await this.server.open();
    const reached = isIP(host) !== 0 && /^[0:.]+$/.test(host) ? ownAddress(command !== undefined) : host;
    const named = reached.includes(':') ? `[${reached}]` : reached;
    const invitation = { server: `ws://${named}:${port}`, stream: this.stream, token: await token(this.stream) };
    if (command === undefined) {
      invite(invitation);
      return;
    }
    this.program = new ClientProgram({
      command,
      env: {
        HAYATE_SERVER: invitation.server,
        HAYATE_STREAM: invitation.stream,
        HAYATE_TOKEN: invitation.token,
        HAYATE_FRAMES: String(scenario.frames ?? DEFAULT_FRAMES),
      },
      onChange: this.wake,
      onNonsense: (line) => this.verdict.fail('I1', `a line of standard output is not a JSON object with an event: ${line.slice(0, 80)}`),
    });
    await this.program.started();
  }

  /** Ends the client and the server. */
  async close(): Promise<void> {
    this.#options.interrupted.removeEventListener('abort', this.#interrupt);
    await this.program?.kill();
    await this.server.close();
  }

  /**
   * Resolves to the first value that `condition` returns, and passes `rule`. After `timeoutMs`, or
   * if the client has ended, fails `rule` and throws SceneOver. `what` names the expected event in
   * the finding.
   */
  async until<T>(rule: RuleId, what: string, condition: () => T | undefined | null | false, timeoutMs = STEP_MS): Promise<T> {
    const hopeless = () => this.#options.interrupted.aborted || this.#isGone;
    const value = await this.#waiting.until(condition, timeoutMs, hopeless);
    if (value !== undefined) {
      this.verdict.pass(rule);
      return value;
    }
    const { program } = this;
    const end = program?.exit === undefined ? `not within ${timeoutMs / 1000} s` : `but the program ended${this.#lastWords(program)}`;
    this.verdict.fail(rule, `awaited: ${what}, ${end}`);
    throw new SceneOver(what);
  }

  /**
   * Watches for `timeoutMs`. Resolves to the value that `condition` returns, or to undefined if it
   * never returns one or the client has ended.
   */
  watchFor<T>(condition: () => T | undefined | null | false, timeoutMs: number): Promise<T | undefined> {
    return this.#waiting.until(condition, timeoutMs, () => this.#options.interrupted.aborted || this.#isGone);
  }

  /** Resolves to the next connection, with its first message. Fails `rule` if none comes. */
  async accept(rule: RuleId, what: string, timeoutMs = STEP_MS): Promise<Connection> {
    const isFirst = this.#accepted === 0;
    const patienceMs = isFirst && this.program === undefined ? PERSON_MS : timeoutMs;
    const connection = await this.until(rule, what, () => this.server.connections[this.#accepted], patienceMs);
    this.#accepted++;
    await this.until('C2', 'the first message', () => connection.hello !== undefined);
    return connection;
  }

  /**
   * Resolves to the connection with which the client returns after it lost `lost`. The client must
   * return neither too early nor too late (C6). The wait doubles with each return, except after a
   * connection that may have been live for 5 s.
   */
  async acceptReturn(
    lost: Connection,
    { rule = 'C6', what = 'the client to return' }: { rule?: RuleId; what?: string } = {},
  ): Promise<Connection> {
    const connection = await this.accept(rule, what, RETURN_MS);
    const { openedMs, droppedMs = performance.now() } = lost;
    const came = this.server.attempts.find((known) => known.connection === connection);
    if (droppedMs - openedMs > SETTLED_MS) this.#returns = 0;
    this.judgeWait(droppedMs, came?.atMs ?? droppedMs, this.#returns++);
    return connection;
  }

  /** Judges the wait from `lostMs` to `returnedMs`, before attempt `attempt` (C6). */
  judgeWait(lostMs: number, returnedMs: number, attempt: number): void {
    const leastMs = Math.min(10_000, 250 * 2 ** attempt) / 2;
    const waitedMs = returnedMs - lostMs;
    const finding = `attempt ${attempt} was ${Math.round(waitedMs)} ms after the connection ended; at least ${leastMs} ms are required`;
    this.verdict.check('C6', waitedMs >= leastMs - TIMER_MS, finding);
  }

  /**
   * The client must not return. Watches until the program ends, or for ABSENCE_MS. Fails `rules` if
   * the client returns.
   */
  async expectAbsence(rules: readonly RuleId[], after: string): Promise<void> {
    const isBack = () => this.server.connections.length > this.#accepted;
    const isSettled = () => isBack() || this.program?.exit !== undefined;
    await this.#waiting.until(isSettled, ABSENCE_MS, () => this.#options.interrupted.aborted);
    for (const rule of rules) this.verdict.check(rule, !isBack(), `the client came back after ${after}`);
  }

  /** The program must exit by itself with `status` (I2). */
  async expectExit(status: number, after: string): Promise<void> {
    const { program } = this;
    if (program === undefined) return;
    const exit = await this.#waiting.until(() => program.exit, ABSENCE_MS);
    const how = exit === undefined ? 'it still runs' : `it ended${this.#lastWords(program)}`;
    this.verdict.check('I2', exit?.code === status, `after ${after} status ${status} is required, and ${how}`);
  }

  /**
   * Ends the client's part: a program is terminated; connections of other clients are closed with
   * 1000.
   */
  async dismiss(): Promise<void> {
    const { program } = this;
    if (program === undefined) {
      for (const connection of this.server.connections) if (connection.isOpen) connection.close(1000);
      return;
    }
    if (program.exit !== undefined) return;
    program.signal('SIGTERM');
    const exit = await this.#waiting.until(() => program.exit, TERMINATE_MS);
    this.verdict.check('I2', exit !== undefined, 'the program still runs after SIGTERM');
  }

  /** The program must print a line for which `condition` holds. Without a program, skips `rule`. */
  async told(rule: RuleId, what: string, condition: (line: ProgramLine) => boolean, timeoutMs = STEP_MS): Promise<void> {
    if (this.program === undefined) this.verdict.skip(rule);
    else await this.until(rule, `a line about ${what}`, () => this.lines.some(condition), timeoutMs);
  }

  /** Like `told`, for lines that every program must print (I1). */
  line(what: string, condition: (line: ProgramLine) => boolean, timeoutMs = STEP_MS): Promise<void> {
    return this.told('I1', what, condition, timeoutMs);
  }

  /** Judges the lines that the program has printed. Without a program, skips `rule`. */
  judgeLines(rule: RuleId, kept: () => boolean, finding: string): void {
    if (this.program === undefined) this.verdict.skip(rule);
    else this.verdict.check(rule, kept(), finding);
  }

  get #isGone(): boolean {
    return this.program?.exit !== undefined && this.server.connections.every(({ closed }) => closed !== undefined);
  }

  #lastWords({ exit, errorLines }: ClientProgram): string {
    const how = exit === undefined || exit.code === null ? ` by ${exit?.signal ?? 'itself'}` : ` with status ${exit.code}`;
    const last = errorLines.at(-1);
    return last === undefined ? how : `${how} (${last.slice(0, 120)})`;
  }
}

/**
 * An address of this machine for a server that listens on all: loopback for a program, otherwise an
 * address that other machines reach.
 */
function ownAddress(loopback: boolean): string {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return loopback || outer === undefined ? '127.0.0.1' : outer.address;
}
