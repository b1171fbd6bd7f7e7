import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayPath, routeOf, watchPath } from './route.ts';

test('every page has its path, with or without a slash at the end', () => {
  for (const [path, page] of [
    ['/', 'front'],
    ['', 'front'],
    ['/studio', 'studio'],
    ['/studio/', 'studio'],
    ['/scale', 'scale'],
    ['/past', 'past'],
    ['/past/', 'past'],
  ])
    assert.deepEqual(routeOf(path ?? ''), { page });
  assert.deepEqual(routeOf('/watch/aki'), { page: 'watch', stream: 'aki' });
  const broadcast = { stream: 'aki', epoch: '0198f3c2a7b00a5f' };
  assert.deepEqual(routeOf(replayPath(broadcast)), { page: 'replay', ...broadcast });
  assert.deepEqual(routeOf(`${watchPath('a_b-9')}/`), { page: 'watch', stream: 'a_b-9' });
});

test('a path with an unknown page or an invalid stream name is not found', () => {
  for (const path of [
    '/nowhere',
    '/studio/aki',
    '/watch',
    '/watch/',
    '/watch/a/b',
    '/past/aki',
    '/past/aki/0198f3c2a7b00a5',
    '/past/aki/0198f3c2a7b00a5f/1',
  ])
    assert.deepEqual(routeOf(path), { page: 'missing' }, path);
  for (const [path, name] of [
    ['/watch/a.b', 'a.b'],
    ['/watch/%2e%2e', '..'],
    ['/watch/%E6%98%9F', '星'],
    ['/watch/%E6', '%E6'],
    ['/watch/%1b%e2%80%aex', 'x'],
    ['/past/a.b/0198f3c2a7b00a5f', 'a.b'],
    [`/watch/${'a'.repeat(99)}`, 'a'.repeat(80)],
  ] as const)
    assert.deepEqual(routeOf(path), { page: 'missing', name }, path);
});
