// The store on files: the contract of every store, and the behaviour of files, folders and links.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDir } from '../../../../../test/support/temp-dir.ts';
import { keys, storeContract } from '../contract.ts';
import { openFsStore } from './open.ts';

let opened = 0;
storeContract('fs store', (t) => openFsStore({ directory: join(tempDir(t), String(opened++), 'archive') }), { deletesFolders: true });

test('an object is a plain file at its key, and no other files are left', async (t) => {
  const directory = tempDir(t);
  const store = await openFsStore({ directory });
  await Promise.all(Array.from({ length: 10 }, () => store.putIfAbsent('a/b.txt', Buffer.from('bytes'))));
  assert.equal(await readFile(join(directory, 'a/b.txt'), 'utf8'), 'bytes');
  assert.deepEqual(await readdir(join(directory, '.tmp~')), []);
  assert.equal(await store.delete('a/b.txt'), true);
  assert.deepEqual(await readdir(directory), ['.tmp~'], 'folders go with their last object');
});

test('several stores on one folder agree on which of them put a key', async (t) => {
  const directory = tempDir(t);
  const stores = await Promise.all(Array.from({ length: 6 }, () => openFsStore({ directory })));
  for (let turn = 0; turn < 10; turn++) {
    const won = await Promise.all(stores.map((store, index) => store.putIfAbsent(`turn/${turn}`, Buffer.from([index]))));
    assert.equal(won.filter(Boolean).length, 1);
    assert.deepEqual([...((await stores[0]?.get(`turn/${turn}`)) ?? [])], [won.indexOf(true)]);
  }
});

test('a half-written file from a crash is removed once it is old, and is never listed', async (t) => {
  const directory = tempDir(t);
  await (await openFsStore({ directory })).close();
  const [old, fresh] = [join(directory, '.tmp~', 'old'), join(directory, '.tmp~', 'fresh')];
  await writeFile(old, 'half');
  await writeFile(fresh, 'half');
  const longAgo = new Date(Date.now() - 7_200_000);
  await utimes(old, longAgo, longAgo);
  const store = await openFsStore({ directory });
  assert.deepEqual([existsSync(old), existsSync(fresh)], [false, true]);
  assert.deepEqual(await keys(store, ''), []);
});

test('symbolic links are neither followed nor listed nor replaced', async (t) => {
  const outside = tempDir(t);
  const directory = tempDir(t);
  await writeFile(join(outside, 'secret'), 'secret');
  const store = await openFsStore({ directory });
  await store.putIfAbsent('real/object', Buffer.from('object'));
  await symlink(outside, join(directory, 'folder'));
  await symlink(join(outside, 'secret'), join(directory, 'file'));
  await symlink(join(directory, 'real'), join(directory, 'inner'));
  await symlink(join(outside, 'nothing'), join(directory, 'dangling'));
  for (const key of ['folder/secret', 'file', 'inner/object', 'dangling']) {
    assert.equal(await store.get(key), undefined, key);
    assert.equal(await store.head(key), undefined, key);
    assert.equal(await store.delete(key), false, key);
    await assert.rejects(store.putIfAbsent(key, Buffer.from('x')), { code: 'CONFLICT' }, key);
  }
  for (const key of ['folder/new', 'folder/new/deep', 'dangling/new', 'dangling/new/deep', 'inner/new'])
    await assert.rejects(store.putIfAbsent(key, Buffer.from('x')), { code: 'CONFLICT' }, key);
  assert.deepEqual(await keys(store, ''), ['real/object']);
  for (const prefix of ['folder/', 'inner/', 'inner/o', 'dangling/']) assert.deepEqual(await keys(store, prefix), []);
  assert.deepEqual(await readdir(outside), ['secret']);
  assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret');
});

test("the store's own folder may be a link", async (t) => {
  const [place, link] = [tempDir(t), join(tempDir(t), 'link')];
  await symlink(place, link);
  const store = await openFsStore({ directory: link });
  assert.equal(await store.putIfAbsent('a/b', Buffer.from('x')), true);
  assert.deepEqual(await keys(store, ''), ['a/b']);
});

test('a key that is the folder of another, or lies below another, is a conflict, not false', async (t) => {
  const store = await openFsStore({ directory: tempDir(t) });
  await store.putIfAbsent('a/b', Buffer.from('x'));
  await assert.rejects(store.putIfAbsent('a', Buffer.from('x')), { code: 'CONFLICT' });
  await assert.rejects(store.putIfAbsent('a/b/c', Buffer.from('x')), { code: 'CONFLICT' });
  await assert.rejects(store.putIfAbsent('a/b/c/d', Buffer.from('x')), { code: 'CONFLICT' });
  assert.deepEqual(await keys(store, ''), ['a/b']);
});

test('files whose names are not keys are not listed', async (t) => {
  const directory = tempDir(t);
  const store = await openFsStore({ directory });
  await mkdir(join(directory, 'with space'));
  await writeFile(join(directory, 'with space', 'file'), '');
  await writeFile(join(directory, 'ümlaut'), '');
  await store.putIfAbsent('good', Buffer.from('x'));
  assert.deepEqual(await keys(store, ''), ['good']);
});

test('no put is refused because deletes take its directories away and other puts bring them back', async (t) => {
  const store = await openFsStore({ directory: join(tempDir(t), 'archive') });
  await Promise.all(
    Array.from({ length: 16 }, async (_, worker) => {
      for (let turn = 0; turn < 100; turn++) {
        const key = `p/q/${worker}-${turn}`;
        assert.equal(await store.putIfAbsent(key, Buffer.from(key)), true);
        assert.equal(await store.delete(key), true);
      }
    }),
  );
  assert.deepEqual(await keys(store, ''), []);
  await store.close();
});
