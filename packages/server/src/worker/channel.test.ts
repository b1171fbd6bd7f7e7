import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HayateError } from '../kernel/error.ts';
import type { ChildCalls, ParentCalls } from './channel.test-child.ts';
import { Channel, type ChannelEnd } from './channel.ts';

function open(t: TestContext): Channel<ChildCalls, ParentCalls> {
  const child = fork(fileURLToPath(new URL('./channel.test-child.ts', import.meta.url)), { serialization: 'advanced' });
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return new Channel<ChildCalls, ParentCalls>(child as unknown as ChannelEnd, { double: async (value: number) => 2 * value });
}

const isRefusal = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof HayateError && error.code === code && message.test(error.message);

test('both sides call and answer, with many calls at a time, each with its own result', async (t) => {
  const channel = open(t);
  const values = Array.from({ length: 100 }, (_, value) => value);
  const answers = await Promise.all(values.map((value) => channel.call('doubleAndOne', value)));
  assert.deepEqual(
    answers,
    values.map((value) => 2 * value + 1),
  );
});

test('a refusal arrives with its code, a bug as an error, and the channel continues to work', async (t) => {
  const channel = open(t);
  await assert.rejects(channel.call('refuse', undefined), isRefusal('IN_USE', /the port is in use/));
  await assert.rejects(channel.call('breakDown', undefined), (error) => !(error instanceof HayateError) && /a bug/.test(String(error)));
  assert.equal(await channel.call('doubleAndOne', 20), 41);
});

test('a call rejects if the answer is late or the other process ends', async (t) => {
  const channel = open(t);
  await assert.rejects(channel.call('neverAnswer', undefined, 1), isRefusal('CLOSED', /no answer in 1 ms/));
  const waiting = assert.rejects(channel.call('neverAnswer', undefined), isRefusal('CLOSED', /the process has ended/));
  await assert.rejects(channel.call('end', undefined), isRefusal('CLOSED', /the process has ended/));
  await waiting;
  await assert.rejects(channel.call('doubleAndOne', 1), isRefusal('CLOSED', /the process has ended/));
});
