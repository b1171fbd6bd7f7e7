import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathWithin } from './root.ts';

test('exactly the prefix is removed from a path', () => {
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
