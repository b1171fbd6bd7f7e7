import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathWithin } from './root.ts';

test('the prefix is taken off a path, and only the prefix', () => {
  for (const [root, path, expected] of [
    ['/', '/', '/'],
    ['/', '/watch/aki', '/watch/aki'],
    ['/hayate/', '/hayate/', '/'],
    ['/hayate/', '/hayate', '/'],
    ['/hayate/', '/hayate/watch/aki', '/watch/aki'],
    ['/hayate/', '/hayate/hayate/studio', '/hayate/studio'],
    ['/a/b/', '/a/b/past/', '/past/'],
    ['/hayate/', '/hayates/studio', '/hayates/studio'],
    ['/hayate/', '/', '/'],
  ] as const)
    assert.equal(pathWithin(root, path), expected, `${path} below ${root}`);
});
