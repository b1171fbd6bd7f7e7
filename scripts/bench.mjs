// @ts-check
// In: the name of a benchmark, bench/**/NAME.bench.ts, or none for all. Out: its details, and its headline as the last line,
// `name: ratio unit`. A benchmark exports `run({ quick })`, which resolves to `{ name, ratio, unit, details }`.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isInstalled } from './install.mjs';
import { findRuntime, runUnder } from './runtime.mjs';
import { Refusal, root, script } from './step.mjs';

const usage = 'npm run bench [-- NAME…] [--quick]\n\nRuns the benchmarks named, or all. --quick: shorter, for a look and not for a table.';

/** Every benchmark by its name. @returns {Map<string, string>} */
const benchmarks = () => {
  const folder = join(root, 'bench');
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const own = files.filter((file) => file.endsWith('.bench.ts') && !file.includes('node_modules')).sort();
  return new Map(own.map((file) => [basename(file, '.bench.ts'), join(folder, file)]));
};

await script('npm run bench', async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help')) return console.log(usage);
  const runtime = findRuntime();
  if (runtime === undefined) throw new Refusal('this Node is too old to run TypeScript; fetch one by: node scripts/runtime.mjs');
  if (!isInstalled()) throw new Refusal('the packages are not installed as the lockfile says; run: npm ci --ignore-scripts');
  if (runtime !== process.execPath) return runUnder(runtime, process.argv.slice(1));

  const all = benchmarks();
  const unknownFlag = args.find((arg) => arg.startsWith('-') && arg !== '--quick');
  if (unknownFlag !== undefined) throw new Refusal(`unknown flag ${unknownFlag}`);
  const named = args.filter((arg) => arg !== '--quick');
  const unknown = named.find((name) => !all.has(name));
  if (unknown !== undefined) throw new Refusal(`there is no benchmark ${unknown}; there are: ${[...all.keys()].join(', ') || 'none'}`);
  for (const [name, path] of all) {
    if (named.length > 0 && !named.includes(name)) continue;
    const result = await (await import(pathToFileURL(path).href)).run({ quick: args.includes('--quick') });
    if (result.details !== undefined)
      console.log(typeof result.details === 'string' ? result.details : JSON.stringify(result.details, undefined, 2));
    console.log(`${result.name}: ${result.ratio} ${result.unit}`);
  }
});
