// In: bench/peer/requirements.txt. Out: a Python in bench/.cache that has the listed packages. It
// is made on first use and again when the list changes.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const bench = fileURLToPath(new URL('..', import.meta.url));
const requirements = join(bench, 'peer/requirements.txt');
const run = promisify(execFile);

/** The path of the interpreter. Rejects with pip's output if the packages cannot be installed. */
export async function pythonWithPeers(): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const folder = join(bench, '.cache', `python-${hash}`);
  const python = join(folder, 'bin/python');
  if (existsSync(python)) return python;
  // An interrupted run must leave nothing that looks complete. Environments cannot be moved, so the
  // link is created last.
  const own = `${folder}.${process.pid}`;
  rmSync(own, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', own]);
  await run(join(own, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]);
  renameSync(own, folder);
  return python;
}
