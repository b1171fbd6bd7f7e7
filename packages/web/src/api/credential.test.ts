import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitFragment } from './credential.ts';

test('a pairing code or a token is taken out of the fragment', () => {
  assert.deepEqual(splitFragment('#pair=K7QX'), { credential: { pair: 'K7QX' }, rest: '' });
  assert.deepEqual(splitFragment('#token=a.b-_.c'), { credential: { token: 'a.b-_.c' }, rest: '' });
  assert.deepEqual(splitFragment('pair=1&token=2'), { credential: { pair: '1', token: '2' }, rest: '' });
});

test('the rest of a fragment stays', () => {
  assert.deepEqual(splitFragment('#pair=K7QX&at=chat'), { credential: { pair: 'K7QX' }, rest: '#at=chat' });
});

test('an empty value is no credential and is removed', () => {
  assert.deepEqual(splitFragment('#token='), { credential: {}, rest: '' });
  assert.deepEqual(splitFragment(''), { credential: {}, rest: '' });
});
