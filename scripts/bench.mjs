// @ts-check
// In: the name of a benchmark, bench/**/NAME.bench.ts, or no name for all; or `report`. Out: its
// details, and its headline as the last line, `name: ratio unit`. A benchmark exports
// `run({ quick })`, which resolves to a BenchOutcome (bench/report/outcome.ts). A full run writes
// its result to bench/result/NAME.json. `report` writes BENCHMARKS.md from these results. The peers
// of bench/ are installed on first use.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isInstalled } from './install.mjs';
import { findRuntime, runUnder } from './runtime.mjs';
import { Refusal, root, runNpm, script, step } from './step.mjs';

const usage = `npm run bench [-- NAME…] [--quick]
npm run bench -- report

Runs the benchmarks named, or all, and keeps their results in bench/result/. --quick: shorter, for a look and not for a table;
keeps nothing. report: writes BENCHMARKS.md from the results kept.`;

const folder = join(root, 'bench');

/** Every benchmark by its name. @returns {Map<string, string>} */
const benchmarks = () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const own = files.filter((file) => file.endsWith('.bench.ts') && !file.includes('node_modules')).sort();
  return new Map(own.map((file) => [basename(file, '.bench.ts'), join(folder, file)]));
};

/**
 * Installs the packages of bench/package-lock.json, unless a stamp says that they are installed.
 */
const ensurePeers = async () => {
  const lockfile = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const stamp = join(folder, 'node_modules/.hayate-install');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return;
  await step('install the peers', async () => {
    const code = await runNpm(['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--prefix', folder], {
      cwd: folder,
      quiet: true,
    });
    if (code !== 0) throw new Refusal('npm could not install; see above');
    writeFileSync(stamp, lockfile);
  });
};

/** Imports a module of bench/. @param {string} path */
const load = (path) => import(pathToFileURL(path).href);

await script('npm run bench', async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(usage);
  const runtime = findRuntime();
  if (runtime === undefined) throw new Refusal('this Node is too old to run TypeScript; fetch a newer one with: node scripts/runtime.mjs');
  if (!isInstalled()) throw new Refusal('the installed packages do not match the lockfile; run: npm ci --ignore-scripts');
  if (runtime !== process.execPath) return runUnder(runtime, process.argv.slice(1));

  const all = benchmarks();
  const unknownFlag = args.find((arg) => arg.startsWith('-') && arg !== '--quick');
  if (unknownFlag !== undefined) throw new Refusal(`unknown flag ${unknownFlag}`);
  const quick = args.includes('--quick');
  const named = args.filter((arg) => arg !== '--quick');
  if (named.length === 1 && named[0] === 'report') {
    const { writeReport } = await load(join(folder, 'report/report.ts'));
    return console.log(writeReport().join('\n'));
  }
  const unknown = named.find((name) => !all.has(name));
  if (unknown !== undefined) throw new Refusal(`there is no benchmark ${unknown}; there are: ${[...all.keys()].join(', ')}, and report`);
  await ensurePeers();
  const { outcomeText } = await load(join(folder, 'report/outcome.ts'));
  const { saveResult } = await load(join(folder, 'report/result.ts'));
  for (const [name, path] of all) {
    if (named.length > 0 && !named.includes(name)) continue;
    const outcome = await (await load(path)).run({ quick });
    if (!quick) saveResult(name, outcome);
    console.log(outcomeText(outcome));
    console.log(`${outcome.name}: ${outcome.ratio} ${outcome.unit}`);
  }
});
