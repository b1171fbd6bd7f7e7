// Turns errors into lines and exit codes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { ClientError } from '@hayate/client';
import { HayateError } from '../kernel/error.ts';
import { failureOf } from './failure.ts';

/** The value that a promise rejects with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('did not reject'),
    (error: unknown) => error,
  );
}

test('a wrong setting exits with 2, a failure with 1', () => {
  assert.deepEqual(failureOf(new HayateError('CONFIGURATION', '--port is missing')), { line: '--port is missing', exitCode: 2 });
  assert.deepEqual(failureOf(new HayateError('NOT_FOUND', 'no such stream')), { line: 'no such stream', exitCode: 1 });
  assert.deepEqual(failureOf(new ClientError('REFUSED', 'The token ran out.')), { line: 'The token ran out.', exitCode: 1 });
});

test('errors of files and of the network are described in words', async () => {
  const missing = await rejection(readFile('/does/not/exist'));
  assert.equal(failureOf(missing).line, '/does/not/exist: no such file or directory');
  assert.match(failureOf(await rejection(readFile(tmpdir()))).line, /is a directory$/);
  const refused = new TypeError('fetch failed', { cause: new AggregateError([Object.assign(new Error(), { code: 'ECONNREFUSED' })]) });
  assert.equal(failureOf(refused).line, 'connection refused');
  assert.equal(
    failureOf(Object.assign(new Error('listen'), { code: 'EADDRINUSE', port: 8080 })).line,
    'port 8080: the address is in use by another program',
  );
});

test('any thrown value becomes one line, and a bug is called a bug', () => {
  for (const thrown of [new RangeError('a\n  b'), 'text', undefined, null, { a: 1 }]) {
    const { line, exitCode } = failureOf(thrown);
    assert.match(line, /^internal error: .+$/);
    assert.equal(exitCode, 1);
  }
});
