// @ts-check
// In: the words given, or none for all test files. A file runs if its path holds one of the words.
// Out: the reporter's lines, and exit code 1 on a failure. Installs nothing. Files run two at a
// time, each in a process of its own with the production loader. Files that measure sound and
// pictures or kill processes run one at a time. A run without any event for ten minutes is ended as
// failed.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { isInstalled } from './install.mjs';
import { findRuntime, runUnder } from './runtime.mjs';
import { Refusal, root, script } from './step.mjs';
import { TestReporter } from './test-reporter.mjs';

const usage = `npm test [-- WORD…]

Runs the tests, or the files whose path holds one of the words. Installs nothing: what cannot run is skipped and says why.
npm run test:full installs what is needed and skips nothing.`;

const silenceMsMax = 600_000;
const aloneFolders = ['test/browser/', 'test/chaos/'];
const startFile = /^test\/(start|pack)[^/]*$/;

/** Every test file, relative to the root, with '/'. @param {string} folder @returns {string[]} */
const testFiles = (folder) => {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : testFiles(path);
    return /\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
};

/**
 * @param {TestReporter} reporter
 * @param {readonly string[]} files
 * @param {number} concurrency
 */
const runFiles = async (reporter, files, concurrency) => {
  if (files.length === 0) return;
  const controller = new AbortController();
  const watch = setTimeout(() => {
    for (const file of reporter.open) console.log(`nothing has happened for ${silenceMsMax / 60_000} minutes in ${relative(root, file)}`);
    controller.abort();
  }, silenceMsMax);
  const absolute = files.map((file) => join(root, file));
  for await (const event of run({ files: absolute, concurrency, timeout: silenceMsMax, signal: controller.signal })) {
    watch.refresh();
    reporter.take(event);
  }
  clearTimeout(watch);
};

/** @param {string[]} words */
const runTests = async (words) => {
  const all = ['packages', 'test', 'bench', 'examples'].flatMap(testFiles).sort();
  const files = words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)));
  if (files.length === 0) throw new Refusal(`no test file's path contains ${words.join(' or ')}`);
  const isAlone = /** @param {string} file */ (file) => aloneFolders.some((folder) => file.startsWith(folder)) || startFile.test(file);
  const reporter = new TestReporter();
  await runFiles(
    reporter,
    files.filter((file) => !isAlone(file)),
    2,
  );
  await runFiles(reporter, files.filter(isAlone), 1);
  reporter.close();
  return reporter.failed === 0 && reporter.passed + reporter.skipped.length > 0 ? 0 : 1;
};

await script('npm test', async () => {
  const words = process.argv.slice(2);
  if (words.includes('--help')) return console.log(usage);
  const runtime = findRuntime();
  if (runtime === undefined) throw new Refusal('this Node is too old to run TypeScript; fetch a newer one with: node scripts/runtime.mjs');
  if (!isInstalled()) throw new Refusal('the installed packages do not match the lockfile; run: npm ci --ignore-scripts');
  return runtime === process.execPath ? runTests(words) : runUnder(runtime, process.argv.slice(1));
});
