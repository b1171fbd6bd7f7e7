// The conditions of a measurement other than the code: hardware, kernel and versions. Names no
// machine and no folder.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { root } from '../../test/support/process.ts';

/** The machine and software that a result was measured with. */
export interface Environment {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  /** Programs and packages by name. */
  versions: Readonly<Record<string, string>>;
}

const output = (program: string, args: readonly string[]): string => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
};

/** The measured commit, with "+" if the tree differs from it in anything except results. */
export function measuredCommit(): string {
  const commit = output('git', ['rev-parse', '--short=12', 'HEAD']);
  const changed = output('git', [
    'status',
    '--porcelain',
    '--untracked-files=no',
    '--',
    '.',
    ':!bench/result',
    ':!BENCHMARKS.md',
    ':!docs',
  ]);
  return commit === '' ? 'unknown' : `${commit}${changed === '' ? '' : '+'}`;
}

/** Reads the environment from this machine. */
export function readEnvironment(): Environment {
  const manifest = join(root, 'bench/package.json');
  const peers = existsSync(manifest)
    ? (JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies?: Readonly<Record<string, string>> }).dependencies
    : {};
  const tools = {
    cc: /\d+\.\d+\.\d+/.exec(output('cc', ['--version']))?.[0],
    redis: /v=(\S+)/.exec(output('redis-server', ['--version']))?.[1],
  };
  return {
    cpu: cpus()[0]?.model.trim() ?? '',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: /^\d+\.\d+/.exec(output('uname', ['-r']))?.[0] ?? '',
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(Object.entries(tools).filter(([, version]) => version !== undefined)),
      ...peers,
    },
  };
}
