// In: a test. Out: the real file log in a folder of its own, which notes the batches that it took.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { type Batch, RecordSchema } from '@hayate/protocol/server';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import type { Log } from '../../packages/server/src/log/log.ts';
import { cleanUp } from './clean-up.ts';
import { tempDir } from './temp-dir.ts';

/**
 * Opens the log, which closes with the test. `beforeAppend` may throw, as a log that refuses does.
 */
export async function openRecordingLog(t: TestContext, beforeAppend: () => void = () => {}): Promise<{ log: Log; batches: Batch[] }> {
  const file = await openFileLog({ directory: join(tempDir(t), 'log') });
  cleanUp(t, () => file.close());
  const batches: Batch[] = [];
  const log: Log = {
    ...{ id: file.id, partitionCount: file.partitionCount, embedded: file.embedded },
    ...{ writable: () => file.writable(), consume: (run) => file.consume(run), close: () => file.close() },
    append: async (key, value) => {
      beforeAppend();
      const place = await file.append(key, value);
      const { body } = fromBinary(RecordSchema, value);
      if (body.case === 'batch') batches.push(body.value);
      return place;
    },
  };
  return { log, batches };
}
