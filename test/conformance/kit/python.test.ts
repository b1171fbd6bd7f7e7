// The reference client in Python, which was written from the text alone, passes every rule of the
// contract in the conformance kit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preparePythonClient } from '../../support/python-client.ts';
import { pythonCommand, runKit } from './kit-run.ts';

for (const side of ['publish', 'watch'] as const)
  test(`the Python client keeps every rule in every scenario of ${side}`, async (t) => {
    const client = await preparePythonClient(t);
    if (client === undefined) return;
    const { broken } = await runKit(t, { side, command: pythonCommand(client.python, client.folder, side), jobs: 10 });
    assert.deepEqual(broken, []);
  });
