// Micro benchmark: appends to the Kafka log and to the file log, in turn, by 1, 100 and 1,000
// streams. They run at the pace of real broadcasters (how long until an append is durable) and as
// fast as they can (one append of each stream under way). The library's own producer does the same
// on the same broker, which shows the cost of Hayate's code around it.
import { join } from 'node:path';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openKafkaLog } from '../../packages/server/src/log/kafka/open.ts';
import { cleanUp } from '../../test/support/clean-up.ts';
import { startKafka } from '../../test/support/kafka.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { type Scope, withScope } from '../load/scope.ts';
import { cpuUs } from '../load/usage.ts';
import type { BenchOutcome, Table } from '../report/outcome.ts';
import { median, quantile, spread } from '../report/sample.ts';

/** 160 kbps, gathered for 200 ms. */
const VALUE = Buffer.alloc(4_000, 7);
const BATCH_MS = 200;
const STREAMS = [1, 100, 1_000];
const PARTITIONS = 16;
const HEADLINE_STREAMS = 100;

type Append = (stream: string) => Promise<unknown>;

/** The measurements of one contender in one round. */
interface Round {
  /** Milliseconds from append to durable, for each append. */
  waits: number[];
  megabytesPerSecond: number;
  /** CPU microseconds of this process for each append. */
  cpuUs: number;
}

/**
 * The ratio is the Kafka log's throughput over the file log's, with 100 streams as fast as they
 * can.
 */
export async function run({ quick }: { quick: boolean }): Promise<BenchOutcome> {
  const [rounds, seconds] = quick ? [2, 1] : [5, 3];
  return withScope(async (scope) => {
    const contenders = await open(scope);
    const tables: Table[] = [];
    let ratio = Number.NaN;
    for (const paced of [true, false]) {
      const rows: string[][] = [];
      for (const streams of STREAMS) {
        const results = new Map<string, Round[]>();
        for (let round = -1; round < rounds; round++)
          for (const [name, append] of contenders) {
            const result = await (paced ? keepPace : goFlatOut)(append, streams, seconds);
            if (round >= 0) results.set(name, [...(results.get(name) ?? []), result]);
          }
        rows.push(...[...results].map(([name, of]) => [String(streams), name, ...cells(of)]));
        const throughput = (name: string) => median((results.get(name) ?? []).map(({ megabytesPerSecond }) => megabytesPerSecond));
        if (!paced && streams === HEADLINE_STREAMS) ratio = throughput('Kafka log') / throughput('file log');
      }
      tables.push({
        title: paced
          ? `each stream appends ${VALUE.length} bytes every ${BATCH_MS} ms`
          : `each stream appends ${VALUE.length} bytes again as soon as the previous ones are durable`,
        columns: ['streams', '', 'durable p50 ms', 'p99 ms', 'MB/s', 'CPU µs an append'],
        rows,
      });
    }
    return {
      name: 'kafka-log',
      ratio: ratio.toFixed(2),
      unit: `× the file log's throughput (${HEADLINE_STREAMS} streams at full speed)`,
      tables,
      notes: [
        `One broker on this machine, ${PARTITIONS} partitions, a linger of 5 ms; the file log has 1 partition. The file log waits for the disk (fdatasync); Kafka with its usual settings waits for the memory of every copy in sync, here one. CPU is this process's, without the broker's. Median over the rounds, middle half in brackets.`,
        "The library's producer sends each append separately: one call of send() for each append, idempotent, acks=all.",
      ],
      details: { rounds, secondsPerRound: seconds },
    };
  });
}

async function open(scope: Scope): Promise<Map<string, Append>> {
  const kafka = await startKafka(scope);
  if (kafka === undefined) throw new Error('java and mvn are needed');
  const fileLog = await openFileLog({ directory: join(tempDir(scope), 'log'), retainBytes: 0 });
  // Commits like an archiver, so that the log deletes the files of earlier rounds.
  const consumer = await fileLog.consume(async (partition, signal) => {
    for await (const entries of partition.read(0, signal)) await partition.commit((entries.at(-1)?.offset ?? -1) + 1);
  });
  cleanUp(scope, async () => {
    await consumer.close();
    await fileLog.close();
  });
  const kafkaLog = await openKafkaLog({ address: `kafka://${kafka.bootstrap}/ours`, partitions: PARTITIONS, replication: 1 });
  cleanUp(scope, () => kafkaLog.close());
  const theirs = await openKafkaLog({ address: `kafka://${kafka.bootstrap}/theirs`, partitions: PARTITIONS, replication: 1 });
  await theirs.close();
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: kafka.bootstrap.split(','), idempotent: true });
  cleanUp(scope, () => producer.close());
  return new Map<string, Append>([
    ['file log', (stream) => fileLog.append(stream, VALUE)],
    ['Kafka log', (stream) => kafkaLog.append(stream, VALUE)],
    [
      "library's producer",
      (stream) => producer.send({ messages: [{ topic: 'theirs', key: Buffer.from(stream), value: VALUE }], acks: ProduceAcks.ALL }),
    ],
  ]);
}

/**
 * Every stream appends each `BATCH_MS`, at a moment of its own. Resolves when all appends are
 * durable.
 */
async function keepPace(append: Append, streams: number, seconds: number): Promise<Round> {
  return measure(append, async (timed) => {
    const pending: Promise<void>[] = [];
    const begin = performance.now();
    let next = 0;
    const total = Math.round((streams * seconds * 1_000) / BATCH_MS);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - begin) * streams) / BATCH_MS);
      while (next < due) pending.push(timed(`stream-${next++ % streams}`));
      if (next < total) return;
      clearInterval(timer);
      resolve();
    }, 1);
    await promise;
    await Promise.all(pending);
  });
}

/** Every stream appends as soon as its last append is durable. */
async function goFlatOut(append: Append, streams: number, seconds: number): Promise<Round> {
  return measure(append, async (timed) => {
    const end = performance.now() + seconds * 1_000;
    const stream = async (name: string) => {
      while (performance.now() < end) await timed(name);
    };
    await Promise.all(Array.from({ length: streams }, (_, index) => stream(`stream-${index}`)));
  });
}

async function measure(append: Append, load: (timed: (stream: string) => Promise<void>) => Promise<void>): Promise<Round> {
  const waits: number[] = [];
  const timed = async (stream: string) => {
    const begin = performance.now();
    await append(stream);
    waits.push(performance.now() - begin);
  };
  const [begin, cpu] = [performance.now(), cpuUs(process.pid)];
  await load(timed);
  const tookMs = performance.now() - begin;
  return { waits, megabytesPerSecond: (waits.length * VALUE.length) / tookMs / 1_000, cpuUs: (cpuUs(process.pid) - cpu) / waits.length };
}

function cells(rounds: readonly Round[]): string[] {
  const cell = (values: readonly number[]) => `${median(values).toFixed(1)} (${spread(values, 1)})`;
  return [
    cell(rounds.map(({ waits }) => quantile(waits, 0.5))),
    cell(rounds.map(({ waits }) => quantile(waits, 0.99))),
    cell(rounds.map(({ megabytesPerSecond }) => megabytesPerSecond)),
    cell(rounds.map((round) => round.cpuUs)),
  ];
}
