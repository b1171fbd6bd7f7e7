// A program for tests to kill. It appends entries of seeded sizes to the log in argv[2] without
// end, several at a time. It prints `ack <offset> <crc32 of the value>` once each is durable, and
// `refused <reason>` when refusals begin. Each line is one synchronous write, so every printed
// entry was acknowledged, and no printed line is lost with the process.
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { LogRefusedError } from '../log.ts';
import { openFileLog } from './open.ts';

const [directory = '', seed = ''] = process.argv.slice(2);
let drawn = 0;
/** In [0, 1). */
const random = (): number => crc32(`${seed} ${drawn++}`) / 2 ** 32;

const log = await openFileLog({ directory, segmentBytesMax: 200_000, retryMs: 5 });
let refused = false;
const append = async (worker: number): Promise<void> => {
  for (;;) {
    const value = Buffer.alloc(Math.floor(random() ** 4 * 60_000), Math.floor(random() * 256));
    try {
      const { offset } = await log.append(`stream-${worker}`, value);
      writeSync(1, `ack ${offset} ${crc32(value).toString(16)}\n`);
      refused = false;
    } catch (error) {
      if (!(error instanceof LogRefusedError)) throw error;
      if (!refused) writeSync(1, `refused ${error.refusal}\n`);
      refused = true;
      await setTimeout(5);
    }
  }
};
await Promise.all(Array.from({ length: 8 }, (_, worker) => append(worker)));
