// Files replaced in all the ways that people and programs use, on a real file system. The test
// advances the time.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tempDir } from '../../../../test/support/temp-dir.ts';
import { type Clock, systemClock } from './clock.ts';
import { WatchedFiles, type WatchedFilesOptions } from './watched-file.ts';

/** A clock whose timers run when `tick` is called. */
class ManualClock implements Clock {
  #timers: (() => void)[] = [];
  nowMs = () => 0;
  nowUnixUs = () => 0;
  nowWallMs = () => 0;
  soon = systemClock.soon;
  get timers(): number {
    return this.#timers.length;
  }
  after(_delayMs: number, run: () => void) {
    this.#timers.push(run);
    return () => {
      this.#timers = this.#timers.filter((timer) => timer !== run);
    };
  }
  tick(): void {
    const due = this.#timers;
    this.#timers = [];
    for (const run of due) run();
  }
}

/** Makes and watches files with these contents; `seen` and `problems` collect what is reported. */
async function watch(t: TestContext, files: Record<string, string>, options: Partial<WatchedFilesOptions> = {}) {
  const directory = tempDir(t);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const seen: string[] = [];
  const problems: string[] = [];
  const clock = new ManualClock();
  const watched = await WatchedFiles.open({
    paths: Object.keys(files).map((name) => join(directory, name)),
    clock,
    onChange: (contents) => void seen.push(contents.join('|')),
    onProblem: ({ message }) => void problems.push(message),
    ...options,
  });
  t.after(() => watched.close());
  return { directory, watched, seen, problems, clock, path: (name: string) => join(directory, name) };
}

const replacements: Record<string, (path: string) => void> = {
  'written in place': (path) => writeFileSync(path, 'new'),
  'renamed over': (path) => {
    writeFileSync(`${path}.tmp`, 'new');
    renameSync(`${path}.tmp`, path);
  },
  'removed and made again': (path) => {
    unlinkSync(path);
    writeFileSync(path, 'new');
  },
  'replaced by one of the same size and time': (path) => {
    const { atime, mtime } = statSync(path);
    writeFileSync(path, 'new');
    utimesSync(path, atime, mtime);
  },
  'replaced by a symbolic link': (path) => {
    writeFileSync(`${path}.other`, 'new');
    unlinkSync(path);
    symlinkSync(`${path}.other`, path);
  },
};
for (const [how, replace] of Object.entries(replacements)) {
  test(`a file that is ${how} is reported once, with its new content`, async (t) => {
    const { watched, seen, path } = await watch(t, { keys: 'old' });
    assert.equal(watched.contents.join(), 'old');
    await watched.check();
    assert.deepEqual(seen, []);
    replace(path('keys'));
    await watched.check();
    await watched.check();
    assert.deepEqual(seen, ['new']);
    assert.equal(watched.contents.join(), 'new');
  });
}

test('a mounted ConfigMap, whose directory is a symbolic link that is swapped, is reported with all files of one version', async (t) => {
  const mount = tempDir(t);
  const version = (name: string, cert: string, key: string) => {
    mkdirSync(join(mount, name));
    writeFileSync(join(mount, name, 'tls.crt'), cert);
    writeFileSync(join(mount, name, 'tls.key'), key);
    symlinkSync(name, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  version('..2026_01', 'cert 1', 'key 1');
  const paths = ['tls.crt', 'tls.key'].map((name) => {
    symlinkSync(join('..data', name), join(mount, name));
    return join(mount, name);
  });
  const { watched, seen } = await watch(t, {}, { paths });
  version('..2026_02', 'cert 2', 'key 2');
  rmSync(join(mount, '..2026_01'), { recursive: true });
  await watched.check();
  assert.deepEqual(seen, ['cert 2|key 2']);
});

test('checks at every interval, one check at a time, until it is closed', async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const { watched, clock, path } = await watch(t, { keys: 'old' }, { onChange: (contents) => resolve(contents.join()) });
  writeFileSync(path('keys'), 'new');
  assert.equal(clock.timers, 1);
  clock.tick();
  assert.equal(await promise, 'new');
  await watched.check();
  assert.equal(clock.timers, 1, 'it waits for the next interval');
  watched.close();
  assert.equal(clock.timers, 0);
  writeFileSync(path('keys'), 'newer');
  await watched.check();
  assert.equal(watched.contents.join(), 'new');
});

test('a file that is missing for a moment is not a problem; one that stays missing is reported once, and read when it is back', async (t) => {
  const { watched, seen, problems, path } = await watch(t, { keys: 'old' });
  unlinkSync(path('keys'));
  await watched.check();
  writeFileSync(path('keys'), 'old');
  await watched.check();
  unlinkSync(path('keys'));
  await watched.check();
  assert.deepEqual(problems, []);
  for (let look = 0; look < 3; look++) await watched.check();
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /ENOENT/);
  writeFileSync(path('keys'), 'new');
  await watched.check();
  assert.deepEqual(seen, ['new']);
  unlinkSync(path('keys'));
  for (let look = 0; look < 3; look++) await watched.check();
  assert.equal(problems.length, 2, 'the next failure is reported as well');
  assert.equal(watched.contents.join(), 'new', 'the previous content is kept');
});

test('a file that grows beyond the bound is not read; content that is refused is reported, and the next content is tried', async (t) => {
  const seen: string[] = [];
  const onChange = (contents: readonly Buffer[]) => {
    seen.push(contents.join());
    if (contents.join() === 'bad') throw new Error('not a key');
  };
  const { watched, problems, path } = await watch(t, { keys: 'old' }, { onChange, bytesMax: 8 });
  writeFileSync(path('keys'), 'far too long');
  await watched.check();
  await watched.check();
  assert.match(problems[0] ?? '', /holds more than 8 bytes/);
  writeFileSync(path('keys'), 'bad');
  await watched.check();
  assert.equal(problems[1], 'not a key');
  writeFileSync(path('keys'), 'good');
  await watched.check();
  assert.deepEqual(seen, ['bad', 'good']);
  await assert.rejects(WatchedFiles.open({ paths: [path('keys')], bytesMax: 3, onChange, onProblem: () => undefined }), {
    code: 'CONFIGURATION',
  });
});

test('a file that cannot be read at the start is an error', async (t) => {
  await assert.rejects(WatchedFiles.open({ paths: [join(tempDir(t), 'none')], onChange: () => undefined, onProblem: () => undefined }), {
    code: 'ENOENT',
  });
});

test('a pipe is read once and never checked again', { skip: process.platform === 'win32' && 'needs mkfifo' }, async (t) => {
  const pipe = join(tempDir(t), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const opening = watch(t, {}, { paths: [pipe] });
  await writeFile(pipe, 'keys');
  const { watched, clock } = await opening;
  assert.equal(watched.contents.join(), 'keys');
  assert.equal(clock.timers, 0);
  await watched.check();
});
