// @ts-check
// In: the events of node:test. Out: each failure in full, each skip with its reason, the slowest
// files, and the totals. A test is a leaf: suites and tests that hold others are not counted,
// unless they fail by themselves. A file that crashes, has no test or does not end counts as a
// failed test, so that no failure stays unnoticed.
import { relative } from 'node:path';
import { inspect } from 'node:util';
import { root } from './step.mjs';

/**
 * @typedef {import('node:test').EventData.TestPass | import('node:test').EventData.TestFail} Result
 */

/** Collects the events of one or more runs. */
export class TestReporter {
  passed = 0;
  failed = 0;
  /** @type {{ name: string, file: string, reason: string }[]} */
  skipped = [];
  /** @type {Map<string, number>} milliseconds of each file */
  durations = new Map();
  /** Files that have started and not ended. @type {Set<string>} */
  open = new Set();
  /**
   * Names of the tests around the current one, and how many tests each holds, by file.
   * @type {Map<string, number[]>}
   */
  #inner = new Map();
  /** Results at depth 0 of each file, to find files without any. @type {Map<string, number>} */
  #results = new Map();

  /** @param {{ type: string, data: any }} event */
  take({ type, data }) {
    if (type === 'test:dequeue' && isFile(data)) this.open.add(data.name);
    if (type === 'test:summary' && data.file !== undefined) this.#endFile(data.file, data.duration_ms);
    if (type === 'test:pass' || type === 'test:fail') this.#takeResult(type === 'test:pass', data);
    if (type === 'test:diagnostic' && data.file !== undefined) console.log(`  ${shown(data.file)}: ${data.message}`);
    if (type === 'test:stderr' || type === 'test:stdout') process.stderr.write(data.message);
  }

  /** @param {string} file @param {number} durationMs */
  #endFile(file, durationMs) {
    this.durations.set(file, durationMs);
    this.open.delete(file);
  }

  /** @param {boolean} isPass @param {any} data */
  #takeResult(isPass, data) {
    if (isFile(data)) {
      this.open.delete(data.name);
      if (!isPass) this.#fail(data, 'the file');
      else if (!this.#results.has(data.name)) this.fail(data.name, 'the file has no test');
      return;
    }
    const { file = '', nesting } = data;
    this.#results.set(file, (this.#results.get(file) ?? 0) + 1);
    const inner = this.#inner.get(file) ?? [];
    this.#inner.set(file, inner);
    const held = inner[nesting + 1] ?? 0;
    inner[nesting + 1] = 0;
    inner[nesting] = (inner[nesting] ?? 0) + 1;
    const isLeaf = held === 0 && data.details?.type !== 'suite';
    if (data.skip !== undefined)
      this.skipped.push({ name: data.name, file, reason: typeof data.skip === 'string' ? data.skip : 'no reason given' });
    else if (data.todo !== undefined) this.#fail(data, 'a test marked as todo');
    else if (!isPass) this.#takeFailure(isLeaf, data);
    else if (isLeaf) this.passed++;
  }

  /**
   * A test that failed only because a test inside it failed is not counted again.
   * @param {boolean} isLeaf
   * @param {any} data
   */
  #takeFailure(isLeaf, data) {
    if (isLeaf || data.details?.error?.failureType !== 'subtestsFailed') this.#fail(data, data.name);
  }

  /** @param {any} data @param {string} name */
  #fail(data, name) {
    const error = data.details?.error;
    const place = data.line === undefined ? '' : `:${data.line}`;
    this.fail(`${data.file ?? data.name}${place}`, `${name}\n${described(error?.cause ?? error)}`);
  }

  /** Counts a failure and prints it at once. @param {string} place @param {string} text */
  fail(place, text) {
    this.failed++;
    console.log(`\n✖ ${shown(place)}: ${text}\n`);
  }

  /** Prints the skips, the slowest files and the totals, which are the last line. */
  close() {
    for (const file of this.open) this.fail(file, 'the file did not end');
    const slowest = [...this.durations].sort(([, a], [, b]) => b - a).slice(0, 5);
    if (this.skipped.length > 0) console.log('\nSkipped:');
    for (const { name, file, reason } of this.skipped) console.log(`  ${shown(file)}: ${name} (${reason})`);
    if (slowest.length > 0) console.log('\nSlowest files:');
    for (const [file, durationMs] of slowest) console.log(`  ${(durationMs / 1000).toFixed(1).padStart(6)} s  ${shown(file)}`);
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped.length} skipped`);
  }
}

/**
 * An assertion's message shows the difference. Both values in full would bury it.
 * @param {any} error
 */
const described = (error) =>
  error?.code === 'ERR_ASSERTION' && error.cause === undefined ? error.stack : inspect(error, { depth: 6, maxStringLength: 10_000 });

/**
 * With process isolation, node:test reports each file as a test around its tests.
 * @param {any} data
 */
const isFile = (data) => data.nesting === 0 && data.name === data.file;

/** @param {string} path */
const shown = (path) => (path.startsWith('/') ? relative(root, path) : path);
