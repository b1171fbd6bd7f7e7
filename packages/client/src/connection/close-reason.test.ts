import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloseCodes } from '@hayate/protocol';
import { closeReason } from './close-reason.ts';

test('reconnects after lost connections and temporary close codes, and after no others', () => {
  for (const [name, { code, temporary, meaning }] of Object.entries(CloseCodes)) {
    const reason = closeReason(code, '');
    assert.equal(reason.name, name);
    assert.equal(reason.sentence, meaning);
    assert.equal(reason.outcome === 'retry', temporary, name);
  }
  for (const code of [1001, 1005, 1006, 1011, 1012]) assert.equal(closeReason(code, '').outcome, 'retry');
  for (const code of [1002, 1003, 1007, 1009]) assert.equal(closeReason(code, '').outcome, 'failed');
  assert.equal(closeReason(4410, '').outcome, 'ended');
  assert.equal(
    closeReason(4413, 'a frame holds more than 9 bytes').sentence,
    `${CloseCodes.FRAME_TOO_BIG.meaning} a frame holds more than 9 bytes`,
  );
});

test('a close code of RFC 6455 for wrong input ends the attempts, and the sentence names it', () => {
  for (const code of [1002, 1003, 1007, 1008, 1010]) {
    assert.equal(closeReason(code, '').outcome, 'failed', `${code}`);
    assert.match(closeReason(code, '').sentence, new RegExp(`refused the connection .*${code}`));
  }
  assert.deepEqual([closeReason(1009, '').outcome, closeReason(1009, '').name], ['failed', 'MESSAGE_TOO_BIG']);
  assert.equal(closeReason(1006, 'the text').sentence, 'The connection was lost. the text');
  assert.equal(closeReason(1006, '').name, undefined);
});

test('a sentence that repeats the meaning of its code is not said twice', () => {
  const { code, meaning } = CloseCodes.SUPERSEDED;
  assert.equal(closeReason(code, meaning).sentence, meaning);
});
