// Broadcasts through a server process that is killed and restarted in the middle of them, for the
// tests of this folder. In: an archive directory and clips. Out: processes, and the acknowledgement
// lists that the broadcasters kept themselves.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { verifyArchive } from '../../packages/server/src/archive/verify/verify.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import {
  type AckLine,
  type ArchivedBroadcast,
  assertAcknowledgedOnce,
  assertVoiceIsWhole,
  readAckLog,
  readAvro,
  sumStatistics,
  withoutZeros,
} from '../conformance/broadcast-archive.ts';
import { tickValue } from '../support/archive-broadcast.ts';
import { demoClip, type ServerProcess, startHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import type { TestProcess } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

/**
 * Two windows make a cut, so there is one every second and some are being written whenever a server
 * dies.
 */
export const WINDOW_MS = 500;
const frequentCuts = ['--archive-window-ms', String(WINDOW_MS), '--archive-cut-windows', '2'];

/** A broadcaster in its own process. */
export interface Broadcasting {
  stream: string;
  process: TestProcess;
  loop: 'once' | 'loop';
  ended: boolean;
  /** Its acknowledgements so far. */
  acks: () => AckLine[];
}

/**
 * One data directory and port, one server process after another, and broadcasters that outlive
 * them.
 */
export class BroadcastRun {
  readonly data: string;
  readonly archive: string;
  readonly broadcasts: Broadcasting[] = [];
  readonly #t: TestContext;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #server: ServerProcess | undefined;
  #port = 0;

  constructor(t: TestContext, flags: readonly string[] = []) {
    this.#t = t;
    this.#flags = [...frequentCuts, ...flags];
    this.#folder = tempDir(t);
    this.data = join(this.#folder, 'data');
    this.archive = join(this.data, 'archive');
  }

  /** Starts a server: the first on any port, later ones on the same port. */
  async start(): Promise<void> {
    assert.equal(this.#server, undefined);
    this.#server = await startHayateServer(this.#t, { data: this.data, port: this.#port, flags: this.#flags });
    this.#port = this.#server.port;
  }

  /** Kills the server, as a power loss would; data that it had not made durable is lost. */
  async kill(): Promise<void> {
    const server = this.#running();
    server.process.kill('SIGKILL');
    assert.deepEqual(await server.process.exit, { code: null, signal: 'SIGKILL' }, server.process.lines.join('\n'));
    this.#server = undefined;
  }

  /** Asks the server to stop; it drains and exits with 0. */
  async drain(): Promise<void> {
    const server = this.#running();
    server.process.kill('SIGTERM');
    assert.deepEqual(await server.process.exit, { code: 0, signal: null }, server.process.lines.join('\n'));
    this.#server = undefined;
  }

  /**
   * Starts a broadcaster of the demo clip's first `seconds`, once, or repeatedly until `allEnded`
   * interrupts it.
   */
  broadcast(stream: string, seconds: number, loop: 'once' | 'loop' = 'once'): Broadcasting {
    const clip = join(this.#folder, `${stream}.ogg`);
    const acks = join(this.#folder, `${stream}.acks`);
    writeFileSync(clip, demoClip(seconds).bytes);
    const args = ['broadcast', clip, '--stream', stream, '--server', this.#running().url, '--ack-log', acks];
    const process = startHayate(this.#t, loop === 'loop' ? [...args, '--loop'] : args);
    const broadcasting: Broadcasting = { stream, process, loop, ended: false, acks: () => readAckLog(acks) };
    this.broadcasts.push(broadcasting);
    void process.exit.then(() => {
      broadcasting.ended = true;
    });
    return broadcasting;
  }

  /**
   * Waits for a condition while broadcasts continue. When all have ended, it fails with the
   * broadcasters' output.
   */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const met = async () => {
      if (await condition()) return 'met';
      return this.broadcasts.every(({ ended }) => ended) ? 'too late' : undefined;
    };
    const said = () => this.broadcasts.flatMap(({ stream, process }) => process.lines.map((line) => `${stream}: ${line}`)).join('\n');
    const result = await poll(what, met, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    if (result !== 'met') throw new Error(`gave up waiting for ${what} during a broadcast:\n${said()}`, { cause: result });
  }

  /**
   * Waits until every running broadcaster is connected again, and everything up to the live frames
   * is acknowledged.
   */
  async untilCaughtUp(): Promise<void> {
    const { url } = this.#running();
    const body = JSON.stringify({ grants: { watch: ['*'] } });
    const given = await fetch(`${url}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const { token }: { token: string } = await given.json();
    await this.until('the acknowledgement of everything live', async () => {
      const answer = await fetch(`${url}/api/streams`, { headers: { Authorization: `Bearer ${token}` } });
      const { streams }: { streams: { stream: string; nextSequence: number }[] } = await answer.json();
      return this.broadcasts.every(({ stream, ended, acks }) => {
        const live = streams.find((listed) => listed.stream === stream);
        return ended || (live !== undefined && (acks().at(-1)?.nextSequence ?? 0) >= live.nextSequence);
      });
    });
  }

  /**
   * Interrupts the looping ones, and waits until every broadcaster has ended successfully:
   * everything it sent was acknowledged.
   */
  async allEnded(): Promise<void> {
    for (const { process, loop } of this.broadcasts) if (loop === 'loop') process.kill('SIGINT');
    for (const { process } of this.broadcasts) assert.deepEqual(await process.exit, { code: 0, signal: null }, process.lines.join('\n'));
  }

  /**
   * Fails unless the archive has every acknowledged frame once and is sound otherwise. The server
   * must have ended.
   */
  async assertArchived(python: string): Promise<ArchivedBroadcast[]> {
    assert.equal(this.#server, undefined);
    const { broadcasts, windows } = readAvro(python, this.archive, WINDOW_MS);
    const archived = this.broadcasts.flatMap(({ stream, acks }) => assertAcknowledgedOnce(acks(), stream, broadcasts));
    for (const broadcast of archived) assertVoiceIsWhole(this.archive, broadcast);
    assert.deepEqual(withoutZeros(await sumStatistics(this.archive)), withoutZeros(windows));
    await this.#assertManifestsAreWhole();
    return archived;
  }

  /** Checks that every entry of the log lies in a cut, and that the verifier finds nothing. */
  async #assertManifestsAreWhole(): Promise<void> {
    const log = await openFileLog({ directory: join(this.data, 'log') });
    const ends: { committed: number | undefined; end: number }[] = [];
    const consumer = await log.consume(async (partition) => {
      ends.push({ committed: await partition.committedOffset(), end: await partition.append(tickValue(false)) });
    });
    await consumer.close();
    await log.close();
    assert.deepEqual(
      ends.filter(({ committed, end }) => committed !== end),
      [],
      'the log continues after the last cut',
    );
    const store = await openFsStore({ directory: this.archive });
    assert.deepEqual((await verifyArchive({ store })).findings, []);
    await store.close();
  }

  #running(): ServerProcess {
    assert.ok(this.#server !== undefined);
    return this.#server;
  }
}
