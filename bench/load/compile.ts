// In: C sources of the benchmarks. Out: a program in bench/.cache, named after what it was compiled from, so that it is
// compiled again only when the sources or the flags change.
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const bench = fileURLToPath(new URL('..', import.meta.url));
const cache = join(bench, '.cache');
const flags = ['-O2', '-std=gnu17', '-Wall', '-Wextra', '-Werror'];

/** Programs by name, their sources relative to bench/. */
const programs = {
  load: ['load/load.c', 'load/dialect.c'],
  floor: ['peer/floor.c'],
} as const;

/** Compiles a program if need be, with `cc` (or what the environment's CC names), and returns its path. Rejects with the compiler's words. */
export async function compile(name: keyof typeof programs, compiler = process.env.CC ?? 'cc'): Promise<string> {
  const sources = programs[name].map((source) => join(bench, source));
  const hash = createHash('sha256').update(JSON.stringify([compiler, ...flags]));
  for (const folder of new Set(Object.values(programs).flatMap((list) => list.map((source) => join(bench, dirname(source))))))
    for (const file of readdirSync(folder).filter((file) => /\.[ch]$/.test(file))) hash.update(readFileSync(join(folder, file)));
  const program = join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  // Two runs may compile at once: each its own file, and the last to finish wins.
  const own = `${program}.${randomBytes(4).toString('hex')}`;
  await promisify(execFile)(compiler, [...flags, '-o', own, ...sources]);
  renameSync(own, program);
  return program;
}
