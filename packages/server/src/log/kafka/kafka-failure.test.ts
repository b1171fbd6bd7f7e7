// Brokers of a real Apache Kafka die, hang and hand over while appends and readers continue. Every
// resolved append is in the log, in order, at least once. Refusals come within bounds. Everything
// recovers by itself.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from '@prometheus-io/client';
import { cleanUp } from '../../../../../test/support/clean-up.ts';
import { type Kafka, startKafka } from '../../../../../test/support/kafka.ts';
import { poll } from '../../../../../test/support/poll.ts';
import { text, withPartitions } from '../contract.ts';
import { type Log, LogRefusedError } from '../log.ts';
import { type KafkaLogOptions, openKafkaLog } from './open.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

async function open(t: TestContext, kafka: Kafka, options: Partial<KafkaLogOptions> = {}): Promise<Log> {
  const log = await openKafkaLog({ address: `kafka://${kafka.bootstrap}/frames`, partitions: 3, replication: 1, ...options });
  cleanUp(t, () => log.close());
  return log;
}

/**
 * One writer per key. It appends numbers from 0, several at a time. Like a streamer, it starts
 * again from the first refused number.
 */
class Writers {
  readonly #log: Log;
  readonly resolved = new Map<string, Set<number>>(KEYS.map((key) => [key, new Set<number>()]));
  refused = 0;
  #stopping = false;
  readonly #running: Promise<unknown>;

  constructor(log: Log) {
    this.#log = log;
    this.#running = Promise.all(KEYS.map((key) => this.#write(key)));
  }

  get count(): number {
    return [...this.resolved.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Stops once all pending appends are resolved. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #write(key: string): Promise<void> {
    const resolved = this.resolved.get(key) ?? new Set();
    for (let next = 0; !this.#stopping; ) {
      const window = Array.from({ length: 5 }, (_, index) => next + index);
      const results = await Promise.allSettled(
        window.map(async (number) => {
          await this.#log.append(key, text(`${number}`));
          resolved.add(number);
        }),
      );
      const first = results.findIndex(({ status }) => status === 'rejected');
      if (first < 0) next += window.length;
      else {
        const [failure] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
        assert.ok(failure instanceof LogRefusedError && failure.refusal === 'failed', String(failure));
        assert.ok(
          results.slice(first).every(({ status }) => status === 'rejected'),
          'entries after a refused one were refused with it',
        );
        this.refused += results.length - first;
        next += first;
        await poll('the log to take entries again', () => this.#log.writable(), { timeoutMs: 60_000 });
      }
    }
  }
}

/** All entries of the log: each key's numbers in the order of their first copies. */
async function readAll(log: Log): Promise<{ firsts: Map<string, number[]>; copies: number }> {
  const firsts = new Map<string, number[]>(KEYS.map((key) => [key, []]));
  let copies = 0;
  await withPartitions(log, async (partitions) => {
    for (const partition of partitions) {
      const end = await partition.append(text('end'));
      reading: for await (const entries of partition.read(0, AbortSignal.timeout(30_000)))
        for (const { key, value, offset } of entries) {
          if (offset === end) break reading;
          const number = Number(Buffer.from(value).toString());
          const numbers = firsts.get(key) ?? [];
          if (numbers.includes(number)) copies += 1;
          else numbers.push(number);
        }
    }
  });
  return { firsts, copies };
}

/** Every resolved number is in the log; first copies are in order, without gaps. */
async function check(log: Log, writers: Writers): Promise<number> {
  const { firsts, copies } = await readAll(log);
  for (const [key, resolved] of writers.resolved) {
    const numbers = firsts.get(key) ?? [];
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
      `first copies of ${key} are in order`,
    );
    assert.ok(resolved.size <= numbers.length, `${key}: ${resolved.size} resolved, ${numbers.length} there`);
  }
  return copies;
}

test('a broker that is killed or hangs, and comes back, loses and repeats no entry; appends and readers wait and continue', async (t) => {
  const kafka = await startKafka(t);
  if (kafka === undefined) return;
  // Longer than a broker restart takes on a slow machine.
  const log = await open(t, kafka, { deliveryMs: 120_000 });
  const reader = await open(t, kafka, { instanceId: 'reader', sessionMs: 60_000 });
  const read = new Set<string>();
  let committed = 0;
  const consumer = await reader.consume(async (partition, signal) => {
    for await (const entries of partition.read((await partition.committedOffset()) ?? 0, signal)) {
      for (const { key, value } of entries) read.add(`${key} ${Buffer.from(value)}`);
      await partition.commit((entries.at(-1)?.offset ?? -1) + 1);
      committed += 1;
    }
  });
  const writers = new Writers(log);
  for (let kill = 1; kill <= 2; kill++) {
    const before = writers.count;
    await poll('appends to continue', () => writers.count > before + 200);
    await kafka.stop();
    await poll('the failure to show', () => !log.writable());
    await kafka.start();
    await poll('the log to recover', () => log.writable());
  }
  // A hung broker appends the requests that it got when it continues, and then gets them again.
  kafka.signal('SIGSTOP');
  await poll('the failure to show', () => !log.writable(), { timeoutMs: 40_000 });
  kafka.signal('SIGCONT');
  const before = [writers.count, committed];
  await poll('appends and commits to continue', () => writers.count > (before[0] ?? 0) + 200 && committed > (before[1] ?? 0) + 5);
  await writers.stop();
  assert.equal(writers.refused, 0);
  await poll('everything to be read', () => read.size === writers.count);
  await consumer.close();
  assert.equal(await check(log, writers), 0, 'the broker recognises the batches it has');
});

test('while a broker hangs, appends are refused within bounds, then accepted again; its pending requests do no harm', async (t) => {
  const kafka = await startKafka(t);
  if (kafka === undefined) return;
  const registry = new Registry();
  const log = await open(t, kafka, { deliveryMs: 1_000, waitingBytesMax: 1_000_000, registry });
  const writers = new Writers(log);
  for (let stop = 1; stop <= 2; stop++) {
    const before = [writers.count, writers.refused];
    await poll('appends to continue', () => writers.count > (before[0] ?? 0) + 100);
    kafka.signal('SIGSTOP');
    await poll('appends to be refused', () => writers.refused > (before[1] ?? 0), { timeoutMs: 40_000 });
    assert.equal(log.writable(), false);
    kafka.signal('SIGCONT');
  }
  const before = writers.count;
  await poll('appends to continue', () => writers.count > before + 100);
  await writers.stop();
  const metrics = await registry.metrics();
  assert.match(metrics, /^hayate_log_waiting_bytes 0$/m);
  assert.match(metrics, new RegExp(`^hayate_log_refused_total\\{reason="failed"\\} ${writers.refused}$`, 'm'));
  assert.match(metrics, new RegExp(`^hayate_log_appended_entries_total ${writers.count}$`, 'm'));
  await check(log, writers);
});

test('waiting appends are bounded; close settles them within bounds even without a broker', async (t) => {
  const kafka = await startKafka(t);
  if (kafka === undefined) return;
  const log = await open(t, kafka, { waitingBytesMax: 100_000, deliveryMs: 2_000 });
  await log.append('a', text('there'));
  await kafka.stop();
  const appends = Array.from({ length: 30 }, () => log.append('a', new Uint8Array(10_000)));
  const refusals = Promise.all(
    appends.map((append) =>
      append.then(
        () => 'taken',
        (error: LogRefusedError) => error.refusal,
      ),
    ),
  );
  await log.close();
  const counts = (await refusals).reduce((sum, refusal) => sum.set(refusal, (sum.get(refusal) ?? 0) + 1), new Map<string, number>());
  assert.deepEqual([counts.get('failed'), counts.get('full')], [9, 21]);
});

test('leaders that die in turn lose no entries: others take over', async (t) => {
  const kafka = await startKafka(t, { nodes: 3 });
  if (kafka === undefined) return;
  const log = await open(t, kafka, { replication: 3, deliveryMs: 120_000 });
  const writers = new Writers(log);
  for (const node of kafka.nodes.slice(0, 2)) {
    const before = writers.count;
    await poll('appends to continue', () => writers.count > before + 100);
    await node.stop();
    const without = writers.count;
    await poll('others to take over', () => writers.count > without + 100, { timeoutMs: 40_000 });
    await node.start();
    await poll('all copies to be in sync', () => log.writable(), { timeoutMs: 40_000 });
  }
  await writers.stop();
  assert.equal(writers.refused, 0);
  assert.equal(await check(log, writers), 0);
});
