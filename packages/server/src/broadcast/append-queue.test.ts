// The append queue over the real file log: what is acknowledged is in the log, and refused frames
// are resent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create, fromBinary } from '@bufbuild/protobuf';
import { EndedSchema, EndReason, RangeSchema } from '@hayate/protocol';
import { RecordSchema } from '@hayate/protocol/server';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { poll } from '../../../../test/support/poll.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { systemClock } from '../kernel/clock.ts';
import { openFileLog } from '../log/file/open.ts';
import type { Log, LogPartition } from '../log/log.ts';
import { type AppendLimits, AppendQueue } from './append-queue.ts';

const limits: AppendLimits = { batchMs: 5, batchBytesMax: 2_000, streamBytesMax: 20_000, processBytesMax: 30_000, retryMs: 5 };

async function setUp(t: TestContext, nextSequence = 0, over: Partial<AppendLimits> = {}) {
  const log = await openFileLog({ directory: join(tempDir(t), 'log') });
  cleanUp(t, () => log.close());
  const budget = { unsettledBytes: 0 };
  const events: string[] = [];
  const open = (stream: string) => {
    const queue = new AppendQueue({
      clock: systemClock,
      log,
      limits: { ...limits, ...over },
      budget,
      identity: () => ({ stream, epoch: 7n, generation: 1, incarnation: 9n, labels: { sub: 'ann' } }),
      viewers: () => 3,
      nextSequence,
      onDurable: () => undefined,
      onResend: () => events.push(`resend ${stream} ${queue.nextSequence}`),
      onRefused: () => events.push(`refused ${stream}`),
    });
    cleanUp(t, () => queue.close());
    return queue;
  };
  return { log, budget, events, open };
}

/** Reads back everything in the log. */
async function batches(log: Log) {
  const { promise, resolve } = Promise.withResolvers<LogPartition>();
  const consumer = await log.consume(async (partition, signal) => {
    resolve(partition);
    await new Promise((done) => signal.addEventListener('abort', done));
  });
  const { offset: end } = await log.append('', new Uint8Array());
  const found = [];
  reading: for await (const entries of (await promise).read(0, new AbortController().signal)) {
    for (const { offset, value } of entries) {
      if (offset === end) break reading;
      const { body } = fromBinary(RecordSchema, value);
      if (body.case === 'batch') found.push(body.value);
    }
  }
  await consumer.close();
  return found;
}

test('frames become durable in batches that carry their labels, and the log holds each once', async (t) => {
  const { log, budget, open } = await setUp(t);
  const queue = open('hoshi');
  for (let sequence = 0; sequence < 50; sequence++) assert.equal(queue.add(sequence, new Uint8Array(100), 1_000 + sequence), true);
  await poll('everything to be durable', () => queue.nextSequence === 50);
  assert.equal(budget.unsettledBytes, 0);
  const found = await batches(log);
  assert.deepEqual(
    found.flatMap(({ frames }) => frames.map(({ receivedUnixUs }) => Number(receivedUnixUs) - 1_000)),
    Array.from({ length: 50 }, (_, i) => i),
  );
  for (const { labels, viewers, generation, incarnation, epoch } of found)
    assert.deepEqual(
      { labels: { ...labels }, viewers, generation, incarnation, epoch },
      { labels: { sub: 'ann' }, viewers: 3, generation: 1, incarnation: 9n, epoch: 7n },
    );
  assert.ok(found.length > 1 && found.length < 50);
});

test('the next sequence stops at a hole, and a dropped range fills the hole once it is in the log', async (t) => {
  const { log, open } = await setUp(t);
  const queue = open('hoshi');
  queue.add(0, new Uint8Array(1), 0);
  queue.add(5, new Uint8Array(1), 0);
  await queue.drain();
  assert.equal(queue.nextSequence, 1);
  queue.addDropped(create(RangeSchema, { first: 1n, last: 4n }));
  assert.equal(queue.nextSequence, 1);
  await queue.drain();
  assert.equal(queue.nextSequence, 6);
  assert.deepEqual(
    (await batches(log)).flatMap(({ dropped }) => dropped.map(({ first, last }) => [first, last])),
    [[1n, 4n]],
  );
});

test('frames that a ticket vouches for count as durable', async (t) => {
  const { open } = await setUp(t, 10);
  const queue = open('hoshi');
  assert.equal(queue.nextSequence, 10);
  assert.equal(queue.has(9), true);
  assert.equal(queue.has(10), false);
});

test('beyond the bound all later frames are refused until the pending ones are in the log; then a resend completes the stream', async (t) => {
  const { log, budget, events, open } = await setUp(t);
  const queue = open('hoshi');
  let refusedFrom = 0;
  while (queue.add(refusedFrom, new Uint8Array(1_000), refusedFrom)) refusedFrom++;
  assert.equal(queue.add(refusedFrom + 1, new Uint8Array(1), 0), false, 'a small frame after it is refused too');
  assert.deepEqual(events, ['refused hoshi']);
  await poll('another append to the log', () => events.length === 2);
  const from = queue.nextSequence;
  assert.equal(events[1], `resend hoshi ${from}`);
  for (let sequence = from; sequence < refusedFrom + 2; sequence++)
    if (!queue.has(sequence)) assert.equal(queue.add(sequence, new Uint8Array(10), sequence), true);
  await poll('everything to be durable', () => queue.nextSequence === refusedFrom + 2);
  assert.equal(budget.unsettledBytes, 0);
  const sequences = (await batches(log)).flatMap(({ frames }) => frames.map(({ receivedUnixUs }) => Number(receivedUnixUs)));
  assert.deepEqual(
    sequences.toSorted((a, b) => a - b),
    Array.from({ length: refusedFrom + 2 }, (_, i) => i),
  );
});

test('all streams share the bound of the process', async (t) => {
  const { events, open } = await setUp(t);
  const [first, second] = [open('a'), open('b')];
  for (let sequence = 0; sequence < 15; sequence++) assert.equal(first.add(sequence, new Uint8Array(1_000), 0), true);
  let taken = 0;
  while (second.add(taken, new Uint8Array(1_000), 0)) taken++;
  assert.ok(taken < 16);
  assert.deepEqual(events, ['refused b']);
});

test('the end is in the log once endDurable resolves, and a closed log refuses', async (t) => {
  const { log, events, open } = await setUp(t);
  const queue = open('hoshi');
  queue.add(0, new Uint8Array(1), 0);
  queue.addEnd(create(EndedSchema, { epoch: 7n, nextSequence: 1n, reason: EndReason.FINISHED }));
  assert.equal(queue.endDurable, false);
  await queue.drain();
  assert.equal(queue.endDurable, true);
  const [batch] = await batches(log);
  assert.equal(batch?.end?.reason, EndReason.FINISHED);
  await log.close();
  const other = open('other');
  other.add(0, new Uint8Array(1), 0);
  await other.drain();
  assert.deepEqual(events, ['refused other']);
  assert.equal(other.nextSequence, 0);
});

test('a stream stops at its own bound, so that one alone never fills the process', async (t) => {
  const { budget, open } = await setUp(t, 0, { batchMs: 60_000, batchBytesMax: 2 ** 30, retryMs: 60_000 });
  const [greedy, other] = [open('greedy'), open('other')];
  let taken = 0;
  while (taken < 100 && greedy.add(taken, new Uint8Array(1_000), 0)) taken++;
  assert.equal(taken, Math.floor(limits.streamBytesMax / 1_032));
  assert.equal(budget.unsettledBytes, 0, 'the gathered frames are resent with the refused one');
  assert.equal(other.add(0, new Uint8Array(1_000), 0), true);
});

test('frames without content have a bound too', async (t) => {
  const { open } = await setUp(t, 0, { batchMs: 60_000, batchBytesMax: 2 ** 30, retryMs: 60_000 });
  const queue = open('hoshi');
  let taken = 0;
  while (taken < 10_000 && queue.add(taken, new Uint8Array(), 0)) taken++;
  assert.ok(taken < 1_000, `${taken} frames were taken`);
});

test('while frames are refused, so is a declaration or an end that would overtake them', async (t) => {
  const { open } = await setUp(t, 0, { batchMs: 60_000, batchBytesMax: 2 ** 30, retryMs: 60_000 });
  const queue = open('hoshi');
  assert.equal(queue.add(0, new Uint8Array(limits.streamBytesMax), 0), false);
  assert.equal(queue.addDropped(create(RangeSchema, { first: 0n, last: 0n })), false);
  assert.equal(queue.addEnd(create(EndedSchema, { epoch: 7n, nextSequence: 1n, reason: EndReason.FINISHED })), false);
  await queue.drain();
  assert.deepEqual([queue.nextSequence, queue.has(0), queue.endDurable], [0, false, false]);
});

test('a resend asks only for what the log lacks: a frame after the hole is known, so that the log holds it once', async (t) => {
  const { events, open } = await setUp(t);
  const queue = open('hoshi');
  queue.add(0, new Uint8Array(1), 0);
  queue.add(2, new Uint8Array(1), 0);
  await queue.drain();
  assert.equal(queue.add(1, new Uint8Array(limits.streamBytesMax), 0), false);
  await poll('the request to resend', () => events.at(-1) === 'resend hoshi 1');
  assert.deepEqual([queue.has(0), queue.has(1), queue.has(2)], [true, false, true]);
});

test('the end does not wait for a batch to fill, and a closed queue takes nothing', async (t) => {
  const { log, open } = await setUp(t, 0, { batchMs: 2 ** 30, batchBytesMax: 2 ** 30 });
  const queue = open('hoshi');
  queue.addEnd(create(EndedSchema, { epoch: 7n, nextSequence: 0n, reason: EndReason.FINISHED }));
  await poll('the end to be durable', () => queue.endDurable);
  queue.close();
  assert.equal(queue.add(0, new Uint8Array(1), 0), false);
  await queue.drain();
  assert.deepEqual(
    (await batches(log)).map(({ frames }) => frames.length),
    [0],
  );
});
