// The rules for imports and the style rules that no other tool checks, over every file of the
// repository. Each rule collects all its breaches as `file:line: what`, so that one run shows all
// of them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { test } from 'node:test';
import { oldestNode } from '../scripts/runtime.mjs';
import { root, runProcess } from './support/process.ts';
import { sourcePaths } from './support/source-tree.ts';

const paths = sourcePaths();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const isTest = (path: string): boolean =>
  /\.test(-child)?\.tsx?$/.test(path) || /^(test|bench)\//.test(path) || /\/(fault-)?contract\.ts$/.test(path);
const typescript = paths.filter((path) => /\.tsx?$/.test(path) && !path.includes('/src/gen/') && !path.endsWith('.d.ts'));
const code = [...typescript, ...paths.filter((path) => path.endsWith('.mjs'))];

type Line = { readonly path: string; readonly number: number; readonly text: string };
const linesOf = (path: string): Line[] =>
  read(path)
    .split('\n')
    .map((text, index) => ({ path, number: index + 1, text }));

/** Fails with every breach of a rule, one a line. */
const none = (rule: string, breaches: readonly string[]): void =>
  assert.equal(breaches.length, 0, `${rule}\n${breaches.map((breach) => `  ${breach}`).join('\n')}`);
const at = ({ path, number, text }: Line): string => `${path}:${number}: ${text.trim().slice(0, 120)}`;

type Import = Line & { /** What is imported: a path in the repository for what is ours, else the specifier. */ readonly target: string };
const workspaces = new Map(['protocol', 'client', 'server', 'web'].map((name) => [`@hayate/${name}`, `packages/${name}`]));
const importPattern = /(?:\bfrom\s+|\bimport\s*\(?\s*|\bnew URL\(\s*)['"]([^'"]+)['"]/g;

/**
 * A specifier as a path from the root if it points into the repository. A workspace's entry keeps
 * its name: packages/client/browser.
 */
const targetOf = (path: string, specifier: string): string => {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  for (const [name, folder] of workspaces)
    if (specifier === name || specifier.startsWith(`${name}/`)) return folder + specifier.slice(name.length);
  return specifier;
};
const imports: readonly Import[] = code.flatMap((path) =>
  linesOf(path).flatMap((line) =>
    [...line.text.matchAll(importPattern)].map(([, specifier = '']) => ({ ...line, target: targetOf(path, specifier) })),
  ),
);
const importsWhere = (from: (path: string) => boolean, breaks: (target: string, path: string) => boolean): string[] =>
  imports.filter(({ path, target }) => from(path) && breaks(target, path)).map(at);
const within = (folder: string) => (path: string) => path.startsWith(`${folder}/`);

test('finds the imports that the rules check', () => {
  assert.ok(imports.length > 100, `${imports.length} imports in ${code.length} files`);
  assert.ok(
    imports.some(({ path, target }) => path === 'packages/server/src/main.ts' && target === 'packages/server/src/streamer/streamer.ts'),
  );
  assert.ok(imports.some(({ target }) => target === 'packages/protocol'));
});

test('roles never import one another', () => {
  const roles = ['streamer', 'listener', 'room', 'archiver', 'patrol', 'api'].map((role) => `packages/server/src/${role}/`);
  const roleOf = (path: string): string | undefined => roles.find((role) => path.startsWith(role));
  none(
    'A role may reach another only through a seam:',
    importsWhere(
      (path) => roleOf(path) !== undefined,
      (target, path) => {
        const other = roleOf(target);
        return other !== undefined && other !== roleOf(path);
      },
    ),
  );
});

test('a broadcast needs neither a role nor a connection, so that a room can publish', () => {
  const needed = ['broadcast', 'live', 'shard', 'log', 'kernel'].map((folder) => `packages/server/src/${folder}/`);
  none(
    'broadcast/ imports:',
    importsWhere(
      (path) => within('packages/server/src/broadcast')(path) && !isTest(path),
      (target) => target.startsWith('packages/server/') && !needed.some((folder) => target.startsWith(folder)),
    ),
  );
});

test('unit tests take their helpers from test/support/', () => {
  none(
    'A helper of unit tests elsewhere:',
    importsWhere(
      (path) => path.startsWith('packages/') && isTest(path),
      (target) => target.startsWith('test/') && !target.startsWith('test/support/'),
    ),
  );
});

test('only adapters.ts and the command line name adapters', () => {
  const adapter = /^packages\/server\/src\/(shard|store|log)\/[a-z0-9]+\//;
  const mayName = (path: string): boolean =>
    path === 'packages/server/src/adapters.ts' || within('packages/server/src/cli')(path) || isTest(path) || adapter.test(path);
  none(
    'An adapter is named outside of adapters.ts and cli/:',
    importsWhere(
      (path) => !mayName(path),
      (target) => adapter.test(target),
    ),
  );
  const seams = ['shard', 'log', 'store'];
  none(
    'A seam knows an adapter:',
    importsWhere(
      (path) => seams.some((name) => path === `packages/server/src/${name}/${name}.ts`),
      (target) => adapter.test(target),
    ),
  );
  for (const name of seams)
    for (const file of [`${name}.ts`, 'contract.ts']) assert.ok(paths.includes(`packages/server/src/${name}/${file}`), `${name}/${file}`);
  const adapters = new Set(paths.flatMap((path) => adapter.exec(path)?.[0] ?? []));
  none(
    'An adapter without open.ts:',
    [...adapters].filter((folder) => !paths.includes(`${folder}open.ts`)),
  );
});

test('the protocol imports nothing of Node or of other workspaces', () => {
  const breaks = (target: string): boolean =>
    target.startsWith('node:') || (target.startsWith('packages/') && !target.startsWith('packages/protocol'));
  none(
    'packages/protocol/src imports:',
    importsWhere((path) => within('packages/protocol/src')(path) && !isTest(path), breaks),
  );
});

test('the client imports neither React, Node nor the server, and three.js only in three/', () => {
  const isOurs = (path: string): boolean => within('packages/client/src')(path) && !isTest(path);
  none(
    'packages/client/src imports:',
    importsWhere(isOurs, (target) => /^(node:|react|packages\/(server|web))/.test(target)),
  );
  none(
    'three.js outside of client/src/three:',
    importsWhere(
      (path) => isOurs(path) && !within('packages/client/src/three')(path),
      (target) => /^three(\/|$)/.test(target),
    ),
  );
});

test("only browser code imports the client's browser part", () => {
  const isBrowserCode = (path: string): boolean =>
    ['packages/web', 'packages/client/src/browser', 'test/browser', 'bench', 'examples'].some((folder) => within(folder)(path));
  none(
    'Imported outside of browser code:',
    importsWhere(
      (path) => !isBrowserCode(path) && !isTest(path),
      (target) => /^packages\/client\/(src\/)?browser(\/|$)/.test(target),
    ),
  );
});

test('scripts import no installed package', () => {
  none(
    'scripts/*.mjs import a package:',
    importsWhere(
      (path) => /^scripts\/[^/]+\.mjs$/.test(path),
      (target) => !/^(node:|scripts\/|test\/support\/[a-z-]+\.mjs$)/.test(target),
    ),
  );
});

test('every code file begins with a comment that says what it is for', () => {
  // A unit test is next to the module that it tests, and its names are sentences: it needs no
  // header.
  const isUnitTest = (path: string): boolean => /^packages\/.*\.test\.tsx?$/.test(path);
  const opens = (path: string): boolean => /^(#!.*\n)?(\/\/ @ts-check\n)?(\/\/ \S|\/\*\*?)/.test(read(path));
  none(
    'No header comment:',
    code.filter((path) => !isUnitTest(path) && !opens(path)).map((path) => `${path}:1`),
  );
});

test('no file is too long to be one concept', () => {
  const limitOf = (path: string): number => (isTest(path) ? 600 : 400);
  const lengths = code.map((path) => ({ path, lines: linesOf(path).length - 1 }));
  none(
    'Too long:',
    lengths
      .filter(({ path, lines }) => lines > limitOf(path))
      .map(({ path, lines }) => `${path}: ${lines} lines, at most ${limitOf(path)}`),
  );
});

test('comments and pages fit 100 columns and use plain words', () => {
  const isComment = ({ text }: Line): boolean => /^\s*(\/\/|\/?\*)/.test(text);
  const comments = code.filter((path) => !/\.d\.ts$/.test(path)).flatMap((path) => linesOf(path).filter(isComment));
  none('A comment wider than 100 columns:', comments.filter(({ text }) => text.length > 100).map(at));
  // In code every line is checked: names of tests and messages of the program too.
  const odd =
    /\b(anew|who(so)?ever|(go|goes|gone|went) on|manieth|none of ours|that is none|who cares|somebody|of its own accord|for ever|half-way|forsake[ns]?|overslept|henceforth|thereof)\b/i;
  const pages = paths.filter((path) => path.endsWith('.md') || path.endsWith('.proto'));
  const own = ['test/tidy.test.ts', 'test/conformance/archive-spec.test.ts'];
  const lines = [...code, ...pages].filter((path) => !own.includes(path)).flatMap(linesOf);
  none('Say continues, again, every program, forever …:', lines.filter(({ text }) => odd.test(text)).map(at));
});

test('every Python file of a client begins with a docstring, is not too long and fits 120 columns', () => {
  const python = paths.filter((path) => /^clients\/.*\.py$/.test(path));
  assert.ok(python.length > 5, python.join(' '));
  none(
    'No docstring at its beginning:',
    python.filter((path) => !read(path).startsWith('"""')),
  );
  const limitOf = (path: string): number => (path.includes('/tests/') ? 600 : 400);
  none(
    'Too long:',
    python.filter((path) => linesOf(path).length - 1 > limitOf(path)),
  );
  none(
    'Too wide:',
    python
      .flatMap(linesOf)
      .filter(({ text }) => text.length > 120)
      .map(at),
  );
});

test('files are named in kebab case, and not vaguely', () => {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|test-child|bench|config|worklet))?\.(ts|tsx|mjs)$/;
  const vague = /(^|[-/])(utils?|helpers?|managers?|misc|common|stuff)([-./]|$)/;
  none(
    'Not in kebab case:',
    code.filter((path) => !kebab.test(basename(path))),
  );
  none(
    'A vague name:',
    paths.filter((path) => vague.test(path)),
  );
});

test('no type is `any` and no checker is silenced', () => {
  const bare = (text: string): string => text.replace(/(['"`]).*?\1/g, "''").replace(/\/\/.*|^\s*\*.*|\/\*.*?\*\//g, '');
  const anyType = /(:|\bas|<|\||&)\s*any\b|\bany\[\]/;
  const silencer = new RegExp(['@ts-(ignore|expect-error|nocheck)', 'biome-' + 'ignore', 'eslint-' + 'disable'].join('|'));
  const lines = typescript.flatMap(linesOf);
  none('any:', lines.filter(({ text }) => anyType.test(bare(text))).map(at));
  none('Silenced:', lines.filter(({ path, text }) => path !== 'test/tidy.test.ts' && silencer.test(text)).map(at));
});

test('an export is used by another file', () => {
  const words = new Map(code.map((path) => [path, new Set(read(path).match(/[A-Za-z_$][\w$]*/g))]));
  const files = new Map<string, number>();
  for (const own of words.values()) for (const word of own) files.set(word, (files.get(word) ?? 0) + 1);
  const exported = /^export (?:abstract |async )*(?:const|let|function\*?|class|interface|type|enum) ([\w$]+)/;
  // Tests export nothing, but may hold such a line in a text.
  const exporting = code.filter((path) => !/\.test\.tsx?$/.test(path));
  const unused = exporting.flatMap(linesOf).filter(({ text }) => files.get(exported.exec(text)?.[1] ?? '') === 1);
  none('Exported for nothing:', unused.map(at));
});

test('a function has at most 80 lines', () => {
  const begins = /^ *(export |async |static |get |set |\*|default )*(function\b|const \w+.*=>|#?\w+(<.*>)?\(.*\)).*\{$/;
  const isBranch = /^ *(if|for|while|switch|return|new|test|describe)\b/;
  const long = typescript
    .filter((path) => path.startsWith('packages/') && !isTest(path))
    .flatMap((path) => {
      const lines = linesOf(path);
      return lines.filter(({ text, number }) => {
        if (!begins.test(text) || isBranch.test(text)) return false;
        const indent = /^ */.exec(text)?.[0] ?? '';
        const end = lines.findIndex((line, index) => index >= number && line.text.startsWith(`${indent}}`));
        return end >= number + 80 - 1;
      });
    });
  none('A function of more than 80 lines:', long.map(at));
});

test('no test is marked to run alone, and no line is marked for later', () => {
  const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].map((word) => `\\b${word}\\b`).join('|'));
  none(
    'Marked for later:',
    code
      .flatMap(linesOf)
      .filter(({ text }) => marks.test(text))
      .map(at),
  );
  const alone = new RegExp('\\b(test|it|describe|suite)\\.' + 'only\\(');
  none(
    'Only this test would run:',
    code
      .flatMap(linesOf)
      .filter(({ text }) => alone.test(text))
      .map(at),
  );
});

const isText = (path: string): boolean => !/\.(ogg|wav|bin|png|jpg|ico|woff2?|avro|parquet|tgz)$/.test(path);

test("no file names a machine's folders or a registry's host", () => {
  const folders = ['/work' + '/main', '/work' + '/shared', '/ro' + 'ot/', '/tmp' + '/rt', '/home' + '/[a-z]+/', '/Users' + '/[a-z]+/'];
  const hosts = [
    'registry' + '\\.npmjs',
    'registry' + '\\.yarnpkg',
    'pypi' + '\\.org',
    'deb' + '\\.debian\\.org',
    'static\\.crates' + '\\.io',
    'proxy' + '\\.golang\\.org',
  ];
  const named = new RegExp([...folders, ...hosts].join('|'));
  none(
    'Named:',
    paths
      .filter(isText)
      .flatMap(linesOf)
      .filter(({ text }) => named.test(text))
      .map(at),
  );
});

type LockEntry = {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  dev?: boolean;
  license?: string;
  optionalDependencies?: Record<string, string>;
};
const lockEntries = (path: string): [string, LockEntry][] =>
  Object.entries((JSON.parse(read(path)) as { packages: Record<string, LockEntry> }).packages);
const nameOf = (entry: string): string => entry.slice(entry.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('lockfiles name no host, hash every package and hold every platform', () => {
  const lockfiles = paths.filter((path) => basename(path) === 'package-lock.json');
  assert.ok(lockfiles.includes('package-lock.json') && lockfiles.includes('scripts/runtime/package-lock.json'));
  for (const lockfile of lockfiles) {
    none(
      'Names a host:',
      linesOf(lockfile)
        .filter(({ text }) => /"resolved": ".*:\/\//.test(text))
        .map(at),
    );
    const entries = lockEntries(lockfile);
    const fetched = entries.filter(([path, entry]) => path.includes('node_modules/') && entry.link !== true);
    none(
      `${lockfile}, without version or hash:`,
      fetched.filter(([, entry]) => !entry.version || !entry.integrity).map(([path]) => path),
    );
    const there = new Set(entries.map(([path]) => nameOf(path)));
    const wanted = entries.flatMap(([path, entry]) => Object.keys(entry.optionalDependencies ?? {}).map((name) => ({ path, name })));
    none(
      `${lockfile}, a platform's package is missing, so npm ci refuses it elsewhere:`,
      wanted.filter(({ name }) => !there.has(name)).map(({ path, name }) => `${path} wants ${name}`),
    );
  }
});

test('Hayate is Apache-2.0, and its dependencies have permissive licences', () => {
  assert.match(read('LICENSE'), /Apache License\s+Version 2\.0/);
  for (const path of paths.filter((path) => basename(path) === 'package.json'))
    assert.equal((JSON.parse(read(path)) as { license?: string }).license, 'Apache-2.0', path);
  const permissive = new Set([
    'MIT',
    'ISC',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'Apache-2.0',
    '0BSD',
    'BlueOak-1.0.0',
    'Unlicense',
    'CC0-1.0',
    'Python-2.0',
    'MIT-0',
    'Zlib',
  ]);
  // Lightning CSS, MPL-2.0, is a tool of Vite's: it runs unmodified while pages are built, and no
  // part of it is in them.
  const isTool = (name: string): boolean => /^lightningcss(-|$)/.test(name);
  const breaches: string[] = [];
  for (const [path, entry] of lockEntries('package-lock.json')) {
    if (!path.includes('node_modules/') || entry.link === true || entry.dev === true) continue;
    const manifest = join(root, path, 'package.json');
    const license = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as { license?: unknown }).license : entry.license;
    const choices =
      typeof license === 'string'
        ? license
            .replace(/[()]/g, '')
            .split(' OR ')
            .flatMap((choice) => [choice.split(' AND ')])
        : [];
    const isFree = choices.some((all) => all.every((one) => permissive.has(one)));
    if (!isFree && !isTool(nameOf(path))) breaches.push(`${nameOf(path)}: ${JSON.stringify(license)}`);
  }
  none('Not permissive:', breaches);
});

test('packages point at their sources, and declare the oldest Node that runs them', () => {
  for (const name of ['protocol', 'client', 'server']) {
    const manifest = JSON.parse(read(`packages/${name}/package.json`)) as { exports: Record<string, string>; engines: { node: string } };
    for (const [entry, target] of Object.entries(manifest.exports)) {
      assert.match(
        target,
        /^\.\/(src\/.*\.tsx?|[a-z-]+\.json)$/,
        `packages/${name}: ${entry}; an interrupted pack is undone by: cd packages/${name} && node ../../scripts/pack.mjs postpack`,
      );
      assert.ok(existsSync(join(root, 'packages', name, target)), `packages/${name}: ${entry} leads nowhere`);
    }
    if (name === 'server') assert.equal(`${manifest.engines.node.replace('>=', '')}.0`, oldestNode);
  }
});

test('every flag of the server is in its reference', async (t) => {
  const help = await runProcess(t, ['packages/server/bin/hayate.mjs', 'serve', '--help']);
  assert.equal(help.code, 0);
  const flags = new Set(help.stdout.join('\n').match(/--[a-z][a-z0-9-]+/g));
  const text = paths
    .filter((path) => /^docs\/reference\/.*\.md$/.test(path))
    .map(read)
    .join('\n');
  none(
    'In hayate serve --help and not in docs/reference/:',
    [...flags].filter((flag) => !text.includes(flag)),
  );
});
