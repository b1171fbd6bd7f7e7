// How the streamer drains, with a real connection and the real file log, whose answers the test
// delays.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { CloseCodes } from '@hayate/protocol';
import { RecordSchema } from '@hayate/protocol/server';
import { cleanUp } from '../../../../test/support/clean-up.ts';
import { startStreamer } from '../../../../test/support/streamer.ts';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { connectPeer, FrameSource } from '../../../../test/support/wire-peer.ts';
import { openFileLog } from '../log/file/open.ts';
import type { Log } from '../log/log.ts';

test('frames that arrive while a drain waits for the log are in the log when it has ended', async (t) => {
  const file = await openFileLog({ directory: join(tempDir(t), 'log') });
  cleanUp(t, () => file.close());
  const appended: Uint8Array[] = [];
  const answers = Promise.withResolvers<void>();
  const log: Log = {
    ...{ id: file.id, partitionCount: file.partitionCount, embedded: file.embedded },
    ...{ writable: () => file.writable(), consume: (run) => file.consume(run), close: () => file.close() },
    append: async (key, value) => {
      appended.push(value);
      const place = await file.append(key, value);
      await answers.promise;
      return place;
    },
  };
  const { streamer, url } = await startStreamer(t, log);
  const peer = await connectPeer(t, url, '/publish');
  peer.send({ publish: { stream: 'x', token: 'any' } });
  const { epoch } = await peer.until('the welcome', ({ published }) => published);
  const source = new FrameSource('x', epoch);
  /** Sends a frame and a ping; the pong shows that the frame was taken. */
  const send = async (frame: Uint8Array, id: number) => {
    peer.send({ frames: [frame], ping: { id } });
    await peer.until(`pong ${id}`, ({ pong }) => (pong?.id === id ? pong : undefined));
  };
  await send(source.header('Before'), 1);
  const drained = streamer.drain();
  await send(source.audio(), 2);
  answers.resolve();
  await drained;
  const frames = appended.flatMap((value) => {
    const { body } = fromBinary(RecordSchema, value);
    return body.case === 'batch' ? body.value.frames : [];
  });
  assert.equal(frames.length, 2);
  assert.equal((await peer.closed()).code, CloseCodes.GOING_AWAY.code);
});
