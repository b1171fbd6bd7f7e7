// Stream patterns of grants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allows, allowsAll, isStreamPattern } from './grant.ts';

test('a name allows only that stream, and a prefix with a star every stream that begins with it', () => {
  const grants = { publish: ['hoshi'], watch: ['team-*'], moderate: ['*'] };
  assert.equal(allows(grants, 'publish', 'hoshi'), true);
  assert.equal(allows(grants, 'publish', 'hoshi2'), false);
  assert.equal(allows(grants, 'watch', 'team-a'), true);
  assert.equal(allows(grants, 'watch', 'team'), false);
  assert.equal(allows(grants, 'moderate', 'anything'), true);
  assert.equal(allows(grants, 'room', 'hoshi'), false);
  assert.equal(allowsAll(grants, 'moderate'), true);
  assert.equal(allowsAll(grants, 'watch'), false);
});

test('patterns of another form are refused', () => {
  for (const pattern of ['', 'a*b', '**', '../x', 'a/b', 'a'.repeat(65)]) assert.equal(isStreamPattern(pattern), false, pattern);
  for (const pattern of ['*', 'a', 'a*', 'a'.repeat(64), `${'a'.repeat(63)}*`]) assert.equal(isStreamPattern(pattern), true, pattern);
});
