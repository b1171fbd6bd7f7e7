// The disk of the tests of power cuts: it drops what was not synced, in all the ways in which a
// disk may, and keeps what was.
import assert from 'node:assert/strict';
import { appendFile, link, mkdir, open, readdir, readFile, rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Machine } from './machine.ts';
import { drawsOf, eachSeed, withScope } from './seeds.ts';

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

/** The tree of a disk as one line. */
const shown = (machine: Machine): string =>
  [...machine.disk.tree()]
    .map(([path, content]) => `${path}${content === undefined ? '/' : `=${content}`}`)
    .sort()
    .join(' ');

/** Does `work` in a new machine, cuts the power, and shows what is left, for each of many draws. */
async function outcomes(work: (folder: string) => Promise<void>, runs = 150): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= runs; seed++)
    await withScope(async (scope) => {
      const machine = new Machine(scope, drawsOf(seed));
      assert.equal(await machine.run(Number.POSITIVE_INFINITY, () => work(machine.folder)), 'done');
      await machine.restart('power cut');
      seen.add(shown(machine));
      const files = (await readdir(machine.folder, { recursive: true })).sort();
      assert.deepEqual(files, [...machine.disk.tree().keys()].sort(), 'the folder is what the disk holds');
    });
  return seen;
}

test('a file of which nothing was synced is kept, lost or empty', async () => {
  const seen = await outcomes((folder) => writeFile(join(folder, 'a'), 'text'));
  assert.deepEqual([...seen].sort(), ['', 'a=', 'a=\0\0\0\0', 'a=text']);
});

test('a synced file may lose its name, and a synced name its content', async () => {
  const onlyFile = await outcomes(async (folder) => {
    await writeFile(join(folder, 'a'), 'text');
    await syncPath(join(folder, 'a'));
  });
  assert.deepEqual([...onlyFile].sort(), ['', 'a=text']);
  const onlyName = await outcomes(async (folder) => {
    await writeFile(join(folder, 'a'), 'text');
    await syncPath(folder);
  });
  assert.deepEqual([...onlyName].sort(), ['a=', 'a=\0\0\0\0', 'a=text']);
});

test('a file that is synced with its folders is kept, and each folder that is not synced may take it away', async () => {
  const write = async (folder: string, synced: readonly string[]) => {
    await mkdir(join(folder, 'x/y'), { recursive: true });
    await writeFile(join(folder, 'x/y/a'), 'text');
    for (const path of synced) await syncPath(join(folder, path));
  };
  const all = ['x/y/a', 'x/y', 'x', ''];
  assert.deepEqual([...(await outcomes((folder) => write(folder, all)))], ['x/ x/y/ x/y/a=text']);
  for (const missing of all) {
    const seen = await outcomes((folder) =>
      write(
        folder,
        all.filter((path) => path !== missing),
      ),
    );
    assert.ok(seen.size > 1, `without syncing ${missing}`);
  }
});

test('names that were not synced survive independently of each other, and those that were synced all do', async () => {
  const seen = await outcomes(async (folder) => {
    for (const name of ['a', 'b', 'c']) await (await open(join(folder, name), 'w')).close();
    await syncPath(folder);
    await unlink(join(folder, 'a'));
    await rename(join(folder, 'b'), join(folder, 'd'));
    await link(join(folder, 'c'), join(folder, 'e'));
  });
  const expected = ['a= ', ''].flatMap((a) => ['b= c=', 'c= d='].flatMap((b) => ['', ' e='].map((e) => `${a}${b}${e}`)));
  assert.deepEqual([...seen].map((one) => one.split(' ').sort().join(' ')).sort(), expected.sort());
});

test('sectors that were not synced survive independently of each other, over the synced content', async () => {
  const [old, fresh] = ['o'.repeat(1_536), 'n'.repeat(1_536)];
  const seen = await outcomes(async (folder) => {
    await writeFile(join(folder, 'a'), old);
    await syncPath(join(folder, 'a'));
    await syncPath(folder);
    const handle = await open(join(folder, 'a'), 'r+');
    await handle.write(Buffer.from(fresh), 0, 1_536, 0);
    await handle.close();
  });
  assert.equal(seen.size, 8);
  for (const one of seen) assert.match(one, /^a=(o{512}|n{512}){3}$/);
});

test('a shorter length survives by chance until it is synced', async () => {
  const seen = await outcomes(async (folder) => {
    await writeFile(join(folder, 'a'), 'text');
    await syncPath(join(folder, 'a'));
    await syncPath(folder);
    await truncate(join(folder, 'a'), 2);
  });
  assert.deepEqual([...seen].sort(), ['a=te', 'a=text']);
});

test('a process that is killed loses nothing that programs saw, until the power fails as well', async (t) => {
  const machine = new Machine(t, drawsOf(3));
  await machine.run(Number.POSITIVE_INFINITY, () => writeFile(join(machine.folder, 'a'), 'text'));
  await machine.restart('kill');
  assert.equal(await readFile(join(machine.folder, 'a'), 'utf8'), 'text');
  const seen = new Set<string>();
  for (let seed = 1; seed < 50; seed++)
    await withScope(async (scope) => {
      const other = new Machine(scope, drawsOf(seed));
      await other.run(Number.POSITIVE_INFINITY, () => writeFile(join(other.folder, 'a'), 'text'));
      await other.restart('kill');
      await other.restart('power cut');
      seen.add(shown(other));
    });
  assert.ok(seen.has('') && seen.has('a=text'), [...seen].join('; '));
});

test('after its last call, a program does nothing more', async (t) => {
  const machine = new Machine(t, drawsOf(3));
  let written = 0;
  const outcome = await machine.run(5, async () => {
    for (const name of ['1', '2', '3', '4', '5', '6', '7']) {
      await writeFile(join(machine.folder, name), name);
      written += 1;
    }
  });
  assert.deepEqual([outcome, written], ['ended', 5]);
  await machine.restart('kill');
  assert.deepEqual([...machine.disk.tree().keys()], ['1', '2', '3', '4', '5']);
});

test('a change that would go unrecorded is refused or found', async (t) => {
  const machine = new Machine(t, drawsOf(3));
  await assert.rejects(async () => appendFile(join(machine.folder, 'a'), 'x'), /does not know fs.appendFile/);
  const { writeFileSync } = await import('node:fs');
  await assert.rejects(
    machine.run(Number.POSITIVE_INFINITY, async () => writeFileSync(join(machine.folder, 'a'), 'x')),
    /not recorded: a/,
  );
});

test('a seed gives the same order of calls and the same remains again', async (t) => {
  const story = async () => {
    const lines: string[] = [];
    const machine = new Machine(t, drawsOf(11));
    await machine.run(20, async () => {
      await Promise.all(
        ['a', 'b', 'c', 'd'].map(async (name) => {
          await writeFile(join(machine.folder, name), name);
          lines.push(name);
          await syncPath(join(machine.folder, name));
          lines.push(`${name} synced`);
        }),
      );
    });
    await machine.restart('power cut');
    return [...lines, ...machine.disk.tree().keys()].join();
  };
  const first = await story();
  assert.equal(await story(), first);
});

test('the error of a scenario names its seed', async (t) => {
  if (process.env.HAYATE_TEST_SEED !== undefined) return;
  await assert.rejects(
    eachSeed(
      t,
      [5, 6],
      async () => {
        throw new Error('lost');
      },
      0,
    ),
    /HAYATE_TEST_SEED=5: lost/,
  );
});
