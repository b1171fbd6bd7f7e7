// docs/client/ matches the contract: its tables are the vectors and the close codes, and its links
// lead to existing pages and headings.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CloseCodes, closeCodeByNumber, Limits, PATHS, SUBPROTOCOL } from '@hayate/protocol';
import { root } from '../support/process.ts';
import type { FaceShapes, UnityBones } from './platform/platform-vector.ts';

const folder = join(root, 'docs/client');
const pages = ['README.md', 'unity.md', 'swift.md', 'kotlin.md'];
const textOf = (page: string): string => readFileSync(join(folder, page), 'utf8');
const vectors = <T>(name: string): T => JSON.parse(readFileSync(join(root, 'spec/vectors', name), 'utf8')) as T;

/**
 * The rows of the table of `page` whose header begins with `header`, split into cells, without
 * backquotes.
 */
const table = (page: string, header: string): string[][] => {
  const text = textOf(page);
  const start = text.indexOf(`\n| ${header} |`);
  assert.notEqual(start, -1, `${page} has no table ${header}`);
  const rows = text.slice(start + 1, text.indexOf('\n\n', start)).split('\n');
  return rows.slice(2).map((row) =>
    row
      .replace(/^\| | \|$/g, '')
      .split(' | ')
      .map((cell) => cell.replaceAll('`', '')),
  );
};

test('the tables of bones and shapes equal the vectors', () => {
  const { bones } = vectors<UnityBones>('unity-bone.json');
  assert.deepEqual(
    table('unity.md', 'index | bone'),
    bones.map(({ index, bone, humanBodyBone, value }) => [String(index), bone, humanBodyBone, String(value)]),
  );
  const { shapes } = vectors<FaceShapes>('face-shape.json');
  assert.deepEqual(
    table('swift.md', 'index | `ARFaceAnchor.BlendShapeLocation`'),
    shapes.map(({ index, shape, arkit }) => [String(index), shape, arkit]),
  );
  assert.deepEqual(
    table('kotlin.md', 'index | shape'),
    shapes.map(({ index, shape, mediaPipe }) => [String(index), shape, String(mediaPipe ?? 'none')]),
  );
});

test('each close code is in one class, whose advice is that of the contract', () => {
  const classes = table('README.md', 'class');
  const rowOf = new Map<number, string[]>();
  for (const row of classes)
    for (const [code] of (row[1] ?? '').replace(/\(.*?\)/, '').matchAll(/\b\d{4}\b/g)) {
      assert.equal(rowOf.get(Number(code)), undefined, `${code} is in two classes`);
      rowOf.set(Number(code), row);
    }
  const missing = Object.values(CloseCodes).filter(({ code, temporary }) => !temporary && !rowOf.has(code));
  assert.deepEqual(missing, [], 'permanent codes without advice; the advice for unknown codes covers temporary ones');
  for (const [code, [name = '', , reconnect = '', ticket = '']] of rowOf) {
    const known = closeCodeByNumber(code);
    // Codes without a name are WebSocket's own: behaviour.md, C8.
    const temporary = known?.temporary ?? ![1002, 1003, 1007, 1008, 1010].includes(code);
    if (temporary) assert.match(reconnect, /^by itself/, `${code}, ${name}`);
    else if (known?.name !== 'TICKET_INVALID') assert.match(reconnect, /^(no|never|only when)/, `${code}, ${name}`);
    if (temporary) assert.match(ticket, /^keep/, `${code}, ${name}`);
  }
});

/** The anchor that a heading gets: lower case, without punctuation, spaces as hyphens. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

test('links lead to existing files and headings', () => {
  let checked = 0;
  for (const page of pages)
    for (const [, target = '', fragment] of textOf(page).matchAll(/\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
      if (/^https:/.test(target)) continue;
      const path = target === '' ? join(folder, page) : join(folder, target);
      assert.ok(existsSync(path), `${page}: ${target}`);
      checked++;
      if (fragment === undefined) continue;
      const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading));
      assert.ok(headings.includes(fragment), `${page}: ${target}#${fragment}`);
    }
  assert.ok(checked > 25, `${checked} links`);
});

test("the first page links to every platform's page, and every rule that a page names exists in the contract", () => {
  for (const page of readdirSync(folder).filter((name) => /^(unity|swift|kotlin)\.md$/.test(name)))
    assert.ok(textOf('README.md').includes(`](${page})`), page);
  const rules = new Set([...readFileSync(join(root, 'spec/behaviour.md'), 'utf8').matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, rule]) => rule));
  for (const page of pages)
    for (const [, list = ''] of textOf(page).matchAll(/\brules? ((?:[A-Z]\d+(?:, | to | and )?)+)/g))
      for (const [rule] of list.matchAll(/[A-Z]\d+/g)) assert.ok(rules.has(rule), `${page}: ${rule}`);
});

test('the subprotocol, the paths and the vectors that the pages name are those of the contract', () => {
  for (const page of ['unity.md', 'swift.md', 'kotlin.md']) {
    assert.ok(textOf(page).includes(SUBPROTOCOL), page);
    for (const [name] of textOf(page).matchAll(/[a-z]+-[a-z]+\.json/g))
      assert.ok(existsSync(join(root, 'spec/vectors', name)), `${page}: ${name}`);
    for (const [, path = ''] of textOf(page).matchAll(/wss:\/\/host(\/\w+)/g)) assert.ok(Object.values<string>(PATHS).includes(path), path);
  }
  const listed = table('README.md', 'file').map(([name = '']) => name);
  const files = readdirSync(join(root, 'spec/vectors')).filter((name) => name.endsWith('.json') && name !== 'index.json');
  for (const name of listed) assert.ok(files.includes(name), name);
  // Swift's message limit has room for the largest current group and everything that a returning
  // viewer is sent again, in one message.
  const [, megabytes] = /maximumMessageSize = (\d+) << 20/.exec(textOf('swift.md')) ?? [];
  const group = 1 + Limits.participantsMax * 2 * 2;
  assert.ok(Number(megabytes) * 2 ** 20 > group * Limits.frameBytesMax + 2 ** 20);
});
