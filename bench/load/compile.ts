// In: C and Go sources of the benchmarks. Out: a program in bench/.cache. Its name holds a hash of
// its sources and flags, so it is compiled again only when they change.
import { execFile, spawnSync } from 'node:child_process';
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
  format: ['peer/format.c'],
} as const;

/** The libraries that a program is linked with, from Debian's libogg-dev and zlib1g-dev. */
const libraries: Partial<Record<keyof typeof programs, readonly string[]>> = { format: ['-logg', '-lz'] };

/**
 * Compiles a program if needed, with `cc` (or the compiler in the environment's CC), and returns
 * its path. Rejects with the compiler's output.
 */
export async function compile(name: keyof typeof programs, compiler = process.env.CC ?? 'cc'): Promise<string> {
  const sources = programs[name].map((source) => join(bench, source));
  const folders = [...new Set(Object.values(programs).flatMap((list) => list.map((source) => join(bench, dirname(source)))))];
  const program = join(cache, `${name}-${hashOf(folders, /\.[ch]$/, [compiler, ...flags])}`);
  await build(program, (output) => promisify(execFile)(compiler, [...flags, '-o', output, ...sources, ...(libraries[name] ?? [])]));
  return program;
}

/** Whether a Go compiler is installed. */
export const hasGo = (): boolean => spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;

/**
 * Compiles the Go program of the folder `bench/peer/NAME` if needed. The first time it fetches
 * modules and takes minutes.
 */
export async function compileGo(name: string): Promise<string> {
  const folder = join(bench, 'peer', name);
  const program = join(cache, `${name}-${hashOf([folder], /\.(go|mod|sum)$/, [])}`);
  await build(program, (output) => promisify(execFile)('go', ['build', '-o', output, '.'], { cwd: folder }));
  return program;
}

/** A hash of the files in `folders` whose names match, and of `more`. */
function hashOf(folders: readonly string[], pattern: RegExp, more: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(more));
  for (const folder of folders)
    for (const file of readdirSync(folder)
      .filter((file) => pattern.test(file))
      .sort())
      hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 16);
}

async function build(program: string, make: (output: string) => Promise<unknown>): Promise<void> {
  if (existsSync(program)) return;
  mkdirSync(cache, { recursive: true });
  // Two runs may compile at once. Each writes its own file, and the last to finish wins.
  const own = `${program}.${randomBytes(4).toString('hex')}`;
  await make(own);
  renameSync(own, program);
}
