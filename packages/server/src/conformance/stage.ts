// The world of one scenario: a server, a client, randomness and a verdict. `until` waits for a
// thing that the client must do, and fails the rule if it does not come. `watchFor` watches for a
// thing that it must not do.
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

export interface StageOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly random: SeededRandom;
  readonly verdict: Verdict;
  readonly scenario: Scenario;
  /** Signs a token for a stream. */
  readonly token: (stream: string) => Promise<string>;
  /** The program under test; undefined: somebody starts a client by hand. */
  readonly command: readonly string[] | undefined;
  /** Tells somebody where to connect. */
  readonly invite: (invitation: Invitation) => void;
  /** Aborted: end soon. */
  readonly interrupted: AbortSignal;
}

/** All that a client needs to connect. */
export interface Invitation {
  readonly server: string;
  readonly stream: string;
  readonly token: string;
}

const DEFAULT_FRAMES = 250;
const STREAM_CHARACTERS_MAX = 64;
/**
 * The client has this long for a step for which the contract names no time. The machine may be
 * busy.
 */
export const STEP_MS = 20_000;
/** Without a program, how long a person has to start the client. */
const PERSON_MS = 600_000;
/** SIGTERM ends a program within 2 s; it is given three more. */
const TERMINATE_MS = 5_000;
/** The longest that a client waits for its next attempt is 10 s; it is given five more. */
export const RETURN_MS = 15_000;
/** A permanently closed client is watched for this long, unless it ends before. */
export const ABSENCE_MS = 12_000;
/**
 * A connection that the kit saw open for this long may have been live for 5 s by the client's
 * clock.
 */
const SETTLED_MS = 4_500;
/** Timers of operating systems may fire this early. */
const TIMER_MS = 25;

/** One scenario's world. */
export class Stage {
  readonly random: SeededRandom;
  readonly verdict: Verdict;
  readonly server: KitServer;
  readonly stream: string;
  readonly #options: StageOptions;
  readonly #waiting = new Waiting();
  #accepted = 0;
  /** Returns since a connection that may have been live for 5 s. */
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

  /** Lines that the program has printed; empty without one. */
  get lines(): readonly ProgramLine[] {
    return this.program?.lines ?? [];
  }

  /** Something has happened. */
  readonly wake = (): void => {
    this.#waiting.wake();
  };

  readonly #interrupt = (): void => {
    // A second signal may end the kit at once: the program must not outlive it.
    this.program?.signal('SIGKILL');
    this.wake();
  };

  /** Listens, and starts the client or invites it. */
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
      onNonsense: (line) => this.verdict.fail('I1', `a line of standard output is no JSON object with an event: ${line.slice(0, 80)}`),
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
   * Resolves to the first value that `condition` gives, and passes `rule`. Fails it and throws
   * SceneOver after `timeoutMs`, or if the client has ended. `what`: what is awaited, for the
   * finding.
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
   * Watches for `timeoutMs`: what `condition` gives, or undefined if it never does, or the client
   * has ended.
   */
  watchFor<T>(condition: () => T | undefined | null | false, timeoutMs: number): Promise<T | undefined> {
    return this.#waiting.until(condition, timeoutMs, () => this.#options.interrupted.aborted || this.#isGone);
  }

  /** The next connection, with its first message. `rule` fails if it does not come. */
  async accept(rule: RuleId, what: string, timeoutMs = STEP_MS): Promise<Connection> {
    const isFirst = this.#accepted === 0;
    const patienceMs = isFirst && this.program === undefined ? PERSON_MS : timeoutMs;
    const connection = await this.until(rule, what, () => this.server.connections[this.#accepted], patienceMs);
    this.#accepted++;
    await this.until('C2', 'the first message', () => connection.hello !== undefined);
    return connection;
  }

  /**
   * The connection by which the client returns after it has lost `lost`: neither too early nor too
   * late (C6). The wait doubles with each return, but for one after a connection that may have been
   * live for 5 s.
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

  /** Judges the wait from `lostMs` to `returnedMs` before attempt `attempt` (C6). */
  judgeWait(lostMs: number, returnedMs: number, attempt: number): void {
    const leastMs = Math.min(10_000, 250 * 2 ** attempt) / 2;
    const waitedMs = returnedMs - lostMs;
    const finding = `attempt ${attempt} came ${Math.round(waitedMs)} ms after the connection was over; at least ${leastMs} ms are due`;
    this.verdict.check('C6', waitedMs >= leastMs - TIMER_MS, finding);
  }

  /**
   * The client must not come back. Watches until the program ends, or for some time. `rules` fail
   * if it does.
   */
  async expectAbsence(rules: readonly RuleId[], after: string): Promise<void> {
    const isBack = () => this.server.connections.length > this.#accepted;
    const isSettled = () => isBack() || this.program?.exit !== undefined;
    await this.#waiting.until(isSettled, ABSENCE_MS, () => this.#options.interrupted.aborted);
    for (const rule of rules) this.verdict.check(rule, !isBack(), `the client came back after ${after}`);
  }

  /** The program must end by itself with `status` (I2). */
  async expectExit(status: number, after: string): Promise<void> {
    const { program } = this;
    if (program === undefined) return;
    const exit = await this.#waiting.until(() => program.exit, ABSENCE_MS);
    const how = exit === undefined ? 'it runs on' : `it ended${this.#lastWords(program)}`;
    this.verdict.check('I2', exit?.code === status, `after ${after} status ${status} is due, and ${how}`);
  }

  /**
   * The client is no longer needed: a program is terminated, another's connections are closed with
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
    this.verdict.check('I2', exit !== undefined, 'the program runs on after SIGTERM');
  }

  /**
   * The program must print a line for which `condition` holds. Without a program `rule` is skipped.
   */
  async told(rule: RuleId, what: string, condition: (line: ProgramLine) => boolean, timeoutMs = STEP_MS): Promise<void> {
    if (this.program === undefined) this.verdict.skip(rule);
    else await this.until(rule, `a line that says ${what}`, () => this.lines.some(condition), timeoutMs);
  }

  /** As told, for what any program must tell (I1). */
  line(what: string, condition: (line: ProgramLine) => boolean, timeoutMs = STEP_MS): Promise<void> {
    return this.told('I1', what, condition, timeoutMs);
  }

  /** Judges what the program has printed. Without a program `rule` is skipped. */
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
 * An address of this machine, where the server listens on all: loopback for a program, else one
 * that other machines reach.
 */
function ownAddress(loopback: boolean): string {
  const addresses = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return loopback || outer === undefined ? '127.0.0.1' : outer.address;
}
