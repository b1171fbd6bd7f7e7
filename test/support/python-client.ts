// The reference client of clients/python in a folder of the test: its sources, the code generated
// for them, and the Python that runs it.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { root, runProcess } from './process.ts';
import { requirePythonTool } from './python-program.ts';
import { tempDir } from './temp-dir.ts';

const client = join(root, 'clients', 'python');

/** A copy of the client with its generated code. */
export interface PythonClient {
  readonly python: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Prepares the client. Returns undefined after skipping the test. */
export const preparePythonClient = async (t: TestContext): Promise<PythonClient | undefined> => {
  const python = await requirePythonTool(t, 'grpcio-tools');
  if (python === undefined) return undefined;
  const folder = tempDir(t);
  for (const name of ['hayate_client', 'tests'])
    cpSync(join(client, name), join(folder, name), { recursive: true, filter: (path) => !/[/\\](gen|__pycache__)$/.test(path) });
  const vectors = join(root, 'spec', 'vectors');
  const env = { PYTHONPATH: `${folder}:${join(folder, 'tests')}`, PYTHONDONTWRITEBYTECODE: '1', HAYATE_VECTORS: vectors };
  const generated = await runProcess(t, [join(client, 'generate.py'), join(folder, 'hayate_client', 'gen')], { executable: python, env });
  assert.equal(generated.code, 0, generated.lines.join('\n'));
  return { python, folder, env };
};
