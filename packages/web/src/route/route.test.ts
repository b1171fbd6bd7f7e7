import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf, watchPath } from './route.ts';

test('every page has its path, with or without a slash at the end', () => {
  for (const [path, page] of [
    ['/', 'front'],
    ['', 'front'],
    ['/studio', 'studio'],
    ['/studio/', 'studio'],
    ['/scale', 'scale'],
  ])
    assert.deepEqual(routeOf(path ?? ''), { page });
  assert.deepEqual(routeOf('/watch/aki'), { page: 'watch', stream: 'aki' });
  assert.deepEqual(routeOf(`${watchPath('a_b-9')}/`), { page: 'watch', stream: 'a_b-9' });
});

test('a path that names no page, or a stream that cannot be, is missing', () => {
  for (const path of [
    '/nowhere',
    '/studio/aki',
    '/watch',
    '/watch/',
    '/watch/a/b',
    '/watch/a.b',
    '/watch/%2e%2e',
    `/watch/${'a'.repeat(65)}`,
  ])
    assert.deepEqual(routeOf(path), { page: 'missing' }, path);
});
