// The file log through kills and power cuts: opening it works, every entry that was acknowledged or
// read is there with its offset, and the committed offset never goes back. The disk drops, tears
// and reorders all that was not synced.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Draw } from '../../../../../test/support/power-cut/disk-model.ts';
import { Machine } from '../../../../../test/support/power-cut/machine.ts';
import { drawsOf, eachSeed, withScope } from '../../../../../test/support/power-cut/seeds.ts';
import { take, text, withPartitions } from '../contract.ts';
import type { Log, LogPartition } from '../log.ts';
import { openFileLog, partitionOf } from './open.ts';

const PARTITIONS = 2;
/** A stream of each partition. */
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/** What the log has promised for one partition. */
class PartitionAccount {
  /** Values that were acknowledged or read, by offset. */
  readonly promised = new Map<number, string>();
  readonly attempted = new Set<string>();
  committed: number | undefined;
  committedTried = 0;

  get end(): number {
    return Math.max(-1, ...this.promised.keys()) + 1;
  }

  /**
   * Reads the whole partition and compares it with the promises; what was read is a promise too.
   */
  async check(partition: LogPartition, end: number): Promise<void> {
    const committed = await partition.committedOffset();
    assert.ok((committed ?? 0) >= (this.committed ?? 0), `committed ${committed} after ${this.committed}`);
    assert.ok((committed ?? 0) <= this.committedTried, `committed ${committed}, which nobody tried`);
    this.committed = committed;
    const earliest = await partition.earliestOffset();
    assert.ok(earliest <= (committed ?? 0), `the oldest entry is ${earliest}, and ${committed} is committed`);
    const values = new Map<number, string>();
    for (const { offset, value } of await take(partition, earliest, end - earliest)) values.set(offset, Buffer.from(value).toString());
    for (const [offset, value] of this.promised) {
      if (offset >= earliest) assert.equal(values.get(offset), value, `offset ${offset}`);
      else this.promised.delete(offset);
    }
    assert.equal(new Set(values.values()).size, values.size, 'no entry is there twice');
    for (const [offset, value] of values) {
      assert.ok(this.attempted.has(value), `offset ${offset} holds what nobody appended`);
      this.promised.set(offset, value);
    }
  }
}

/** Uses a log on `machine` and keeps account of its promises. */
class LogUser {
  readonly #machine: Machine;
  readonly #draw: Draw;
  readonly #accounts = Array.from({ length: PARTITIONS }, () => new PartitionAccount());
  #id: string | undefined;
  #count = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#draw = machine.draw;
  }

  /** Opens the log, checks it, appends and commits for a while, and closes it. */
  async live(): Promise<void> {
    const log = await openFileLog({
      directory: join(this.#machine.folder, 'data/log'),
      partitions: PARTITIONS,
      segmentBytesMax: [600, 4_000][this.#draw(2)] ?? 0,
      retainBytes: [0, 3_000][this.#draw(2)] ?? 0,
    });
    this.#id ??= log.id;
    assert.equal(log.id, this.#id);
    await withPartitions(log, async (partitions) => {
      for (const partition of partitions) await this.#check(log, partition);
      for (let wave = this.#draw(6); wave > 0; wave--) {
        await Promise.all([
          ...Array.from({ length: this.#draw(6) }, () => this.#append(log)),
          ...partitions.map((one) => this.#commit(one)),
        ]);
      }
      for (const partition of partitions) await this.#check(log, partition);
    });
    await log.close();
  }

  /** Appends an entry, and reads all entries up to it. */
  async #check(log: Log, partition: LogPartition): Promise<void> {
    const key = KEYS.find((one) => partitionOf(one, PARTITIONS) === partition.number);
    const last = await this.#append(log, key);
    await this.#account(partition.number).check(partition, last + 1);
  }

  #account(partition: number): PartitionAccount {
    const account = this.#accounts[partition];
    assert.ok(account !== undefined);
    return account;
  }

  async #append(log: Log, key = KEYS[this.#draw(KEYS.length)] ?? ''): Promise<number> {
    const value = `${this.#count++} ${'x'.repeat(this.#draw(4) === 0 ? this.#draw(1_800) : this.#draw(200))}`;
    const account = this.#account(partitionOf(key, PARTITIONS));
    account.attempted.add(value);
    const { offset } = await log.append(key, text(value));
    account.promised.set(offset, value);
    return offset;
  }

  async #commit(partition: LogPartition): Promise<void> {
    const account = this.#account(partition.number);
    if (this.#draw(3) !== 0) return;
    const offset = this.#draw(account.end + 1);
    account.committedTried = Math.max(account.committedTried, offset);
    await partition.commit(offset);
    account.committed = Math.max(account.committed ?? 0, offset);
  }
}

test('the file log keeps all that it promised through kills and power cuts, and opens afterwards', (t) =>
  eachSeed(t, [], async (scope, draw) => {
    const machine = new Machine(scope, draw);
    const user = new LogUser(machine);
    for (let lives = 2 + draw(4); lives > 0; lives--) {
      await machine.run(draw(3) === 0 ? Number.POSITIVE_INFINITY : draw(90), () => user.live());
      await machine.restart(draw(2) === 0 ? 'kill' : 'power cut');
    }
    assert.equal(await machine.run(Number.POSITIVE_INFINITY, () => user.live()), 'done');
  }));

test('a group whose write the power cut off is dropped from its first lost entry on, and the log opens', async () => {
  const values = Array.from({ length: 8 }, (_, index) => `${index} ${'x'.repeat(400)}`);
  let ended = 0;
  for (let calls = 0, outcome = ''; outcome !== 'done'; calls++)
    for (let seed = 1; seed <= 10; seed++)
      await withScope(async (scope) => {
        const machine = new Machine(scope, drawsOf(1000 * calls + seed));
        const open = () => openFileLog({ directory: join(machine.folder, 'log') });
        await machine.run(Number.POSITIVE_INFINITY, async () => {
          const log = await open();
          await log.append('a', text('before'));
          await log.close();
        });
        outcome = await machine.run(calls, async () => {
          const log = await open();
          await Promise.all(values.map((value) => log.append('a', text(value))));
          await log.close();
        });
        await machine.restart('power cut');
        const log = await open();
        const { offset } = await log.append('a', text('after'));
        await withPartitions(log, async ([partition]) => {
          const kept = (await take(partition, 0, offset + 1)).map(({ value }) => Buffer.from(value).toString());
          assert.deepEqual(kept, ['before', ...values.slice(0, offset - 1), 'after']);
        });
        await log.close();
        if (offset > 1 && offset <= values.length) ended += 1;
      });
  assert.ok(ended > 0, 'a part of the group was left at least once');
});

test('a power cut while files are deleted leaves no gap between older ones', async () => {
  let deleted = 0;
  for (let calls = 0, outcome = ''; outcome !== 'done'; calls++)
    for (let seed = 1; seed <= 8; seed++)
      await withScope(async (scope) => {
        const machine = new Machine(scope, drawsOf(1000 * calls + seed));
        const open = () => openFileLog({ directory: join(machine.folder, 'log'), segmentBytesMax: 100, retainBytes: 0 });
        await machine.run(Number.POSITIVE_INFINITY, async () => {
          const log = await open();
          for (let index = 0; index < 6; index++) await log.append('a', text(`${index} ${'x'.repeat(60)}`));
          await log.close();
        });
        outcome = await machine.run(calls, async () => {
          const log = await open();
          await withPartitions(log, ([partition]) => partition.commit(6));
          await log.close();
        });
        await machine.restart('power cut');
        const log = await openFileLog({ directory: join(machine.folder, 'log') });
        await withPartitions(log, async ([partition]) => {
          const earliest = await partition.earliestOffset();
          assert.equal((await take(partition, earliest, 6 - earliest)).length, 6 - earliest);
          if (earliest > 0 && earliest < 5) deleted += 1;
        });
        await log.close();
      });
  assert.ok(deleted > 0, 'the power failed at least once between two deletions');
});

test('what a reader gets after a kill survives a power cut: an archiver may already have made objects of it', async () => {
  let unacknowledged = 0;
  for (let calls = 0, outcome = ''; outcome !== 'done'; calls++)
    for (let seed = 1; seed <= 8; seed++)
      await withScope(async (scope) => {
        const machine = new Machine(scope, drawsOf(1000 * calls + seed));
        const open = () => openFileLog({ directory: join(machine.folder, 'log') });
        const entries = async (log: Log) => {
          const found: string[] = [];
          await withPartitions(log, async ([partition]) => {
            // The first batch holds all of so few entries.
            for await (const batch of partition.read(0, new AbortController().signal)) {
              found.push(...batch.map(({ value }) => Buffer.from(value).toString()));
              break;
            }
          });
          return found;
        };
        let acknowledged = 0;
        outcome = await machine.run(calls, async () => {
          const log = await open();
          for (const value of ['one', 'two', 'three']) {
            await log.append('a', text(value));
            acknowledged += 1;
          }
          await log.close();
        });
        await machine.restart('kill');
        if (acknowledged === 0) return;
        let found: string[] = [];
        await machine.run(Number.POSITIVE_INFINITY, async () => {
          found = await entries(await open());
        });
        if (found.length > acknowledged) unacknowledged += 1;
        await machine.restart('power cut');
        const log = await open();
        assert.deepEqual(await entries(log), found);
        await log.close();
      });
  assert.ok(unacknowledged > 0, 'a kill came at least once between a write and its sync');
});
