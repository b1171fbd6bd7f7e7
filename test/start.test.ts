// `npm start` in a copy like a fresh clone, with an empty npm cache and the machine's own Node: its
// downloads, the pages it serves, its second run, and its end. It fetches from the registry, so it
// runs only in full runs.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pinnedNode } from '../scripts/runtime.mjs';
import { poll } from './support/poll.ts';
import { root, runProcess, startProcess, type TestProcess } from './support/process.ts';
import { requireFullRun } from './support/require-tool.ts';
import { copySourceTree } from './support/source-tree.ts';
import { tempDir } from './support/temp-dir.ts';

const packagesMbMax = 60;
const allMbMax = 120;
const slow = { timeoutMs: 300_000 };

/**
 * The machine's own PATH, without the Node that was fetched to run these tests, which a fresh clone
 * does not have.
 */
const machinePath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => folder !== dirname(process.execPath) && !folder.startsWith(root))
  .join(delimiter);

/**
 * Bytes in an npm cache. Tarballs count in the size in which they arrived. npm requests index pages
 * compressed and stores them uncompressed, so they count compressed, though a registry may have
 * sent them uncompressed.
 */
const cacheBytes = (cache: string): number => {
  const content = join(cache, '_cacache/content-v2');
  const files = readdirSync(content, { recursive: true, encoding: 'utf8' }).map((path) => join(content, path));
  return files
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path))
    .reduce((sum, bytes) => sum + (bytes[0] === 0x1f && bytes[1] === 0x8b ? bytes.length : gzipSync(bytes).length), 0);
};

const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

/**
 * Starts it by `npm start --` or by the script itself, waits until it is ready, and returns the
 * printed address.
 */
const begin = async (
  t: TestContext,
  clone: string,
  cache: string,
  [executable = '', ...args]: readonly string[],
): Promise<{ started: TestProcess; url: string }> => {
  const env = { PATH: machinePath, npm_config_cache: cache, INIT_CWD: undefined, npm_execpath: undefined };
  const started = startProcess(t, [...args, '--port', '0'], { executable, cwd: clone, env });
  const [, url = ''] = await started.untilLine(/Hayate runs on\s+(http\S+)/, slow);
  return { started, url };
};

test('a fresh clone fetches little, shows its page and a live demo, drains, and starts again without repeating work', async (t) => {
  if (!requireFullRun(t, 'fetches packages from the registry')) return;
  const folder = tempDir(t);
  const [clone, cache, data] = ['clone', 'cache', 'data'].map((name) => join(folder, name)) as [string, string, string];
  copySourceTree(clone);

  const first = await begin(t, clone, cache, ['npm', 'start', '--', '--data', data]);
  const runtime = readdirSync(clone).includes('.runtime') ? join(clone, '.runtime', pinnedNode) : undefined;
  const bytes = cacheBytes(cache);
  const limit = runtime === undefined ? packagesMbMax : allMbMax;
  t.diagnostic(`fetched ${megabytes(bytes)} MB${runtime === undefined ? '' : ', the runtime with them'}`);
  assert.ok(bytes <= limit * 1e6, `npm start fetched ${megabytes(bytes)} MB, at most ${limit}`);
  if (runtime !== undefined) assert.deepEqual(readdirSync(join(clone, '.runtime')), [pinnedNode], 'only the runtime is kept');

  assert.equal((await fetch(`${first.url}/readyz`)).status, 200);
  assert.match(await (await fetch(`${first.url}/`)).text(), /<script [^>]*type="module"/);
  const token = async (): Promise<string> => {
    const body = JSON.stringify({ grants: { watch: ['*'] } });
    const answer = await fetch(`${first.url}/dev/token`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    return ((await answer.json()) as { token: string }).token;
  };
  const authorization = `Bearer ${await token()}`;
  await poll('the demo in the listing, with audio on its way', async () => {
    const answer = await fetch(`${first.url}/api/streams`, { headers: { Authorization: authorization } });
    const { streams } = (await answer.json()) as { streams: { stream: string; nextSequence: number }[] };
    return streams.some(({ stream, nextSequence }) => stream === 'demo' && Number(nextSequence) > 100);
  });

  first.started.interrupt();
  const exit = await first.started.exit;
  assert.ok(exit.code === 0 || exit.signal === 'SIGINT', 'npm exits with 0, or with the code of an interrupted child');
  const said = first.started.lines.join('\n');
  assert.match(said, /The archive is in /);
  assert.match(said, /hear the newest broadcast: .*\.ogg/);
  assert.ok(readdirSync(join(data, 'archive/audio/demo')).length > 0, 'the demo is in the archive');

  const second = await begin(t, clone, cache, ['node', 'scripts/start.mjs', '--data', data, '--no-demo']);
  assert.doesNotMatch(second.started.lines.join('\n'), /fetch Node|install |build the pages/);
  second.started.interrupt();
  assert.deepEqual(await second.started.exit, { code: 0, signal: null }, second.started.lines.join('\n'));
  assert.equal(existsSync(join(clone, 'data')), false, 'nothing is written outside of --data');
});

test('an unknown flag is refused in one line, and no process is left running', async (t) => {
  const refused = await runProcess(t, ['scripts/hayate.mjs', 'serve', '--no-such-flag']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr.join('\n'), /no-such-flag/);
  assert.ok(refused.stderr.length <= 3, refused.stderr.join('\n'));
});
