// The reference client of clients/python, as its users get it: its own tests with real servers, and
// its programs while the server is killed and restarted. Python's avro reads the archive to check
// that everything acknowledged is there.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ServerProcess, startHayateServer } from '../support/hayate.ts';
import { root, runProcess, startProcess, type TestProcess } from '../support/process.ts';
import { preparePythonClient } from '../support/python-client.ts';
import { pythonCompanions, pythonTools } from '../support/python-tool.mjs';
import { requirePython } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const client = join(root, 'clients', 'python');

const tokenOf = async ({ url }: ServerProcess, stream: string): Promise<string> => {
  const response = await fetch(`${url}/dev/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grants: { publish: [stream], watch: [stream] }, subject: 'mika' }),
  });
  return ((await response.json()) as { token: string }).token;
};

test('the Python client is tested with the versions that its package asks for', () => {
  const project = readFileSync(join(client, 'pyproject.toml'), 'utf8');
  const dependencies = /^dependencies = \[(.*)\]$/m.exec(project)?.[1];
  assert.deepEqual(
    dependencies?.split(', ').map((text) => text.replaceAll('"', '')),
    pythonCompanions['grpcio-tools'],
  );
  assert.ok(project.includes(`"grpcio-tools==${pythonTools['grpcio-tools']}"`));
});

test("the Python client's own tests pass on a real server, without skips", async (t) => {
  const prepared = await preparePythonClient(t);
  if (prepared === undefined) return;
  const { python, folder, env } = prepared;
  const compiled = await runProcess(t, ['-m', 'compileall', '-q', folder], { executable: python });
  assert.equal(compiled.code, 0, compiled.lines.join('\n'));
  const server = await startHayateServer(t, { data: tempDir(t) });
  const result = await runProcess(t, ['-m', 'unittest', 'discover', '-s', join(folder, 'tests')], {
    executable: python,
    env: { ...env, HAYATE_SERVER: `ws://127.0.0.1:${server.port}` },
    timeoutMs: 300_000,
  });
  const text = result.lines.join('\n');
  assert.equal(result.code, 0, text);
  assert.match(text, /^Ran [5-9]\d tests/m);
  assert.match(text, /^OK$/m, text);
});

interface Line {
  readonly event: string;
  readonly epoch?: string;
  readonly sequence?: number;
  readonly nextSequence?: number;
  readonly generation?: number;
  readonly reason?: string;
}
const linesOf = ({ stdout }: TestProcess): Line[] => stdout.map((line) => JSON.parse(line) as Line);

/** Python starts slowly on a busy machine. */
const patience = { timeoutMs: 120_000 };

const readArchive = `import json, pathlib, sys
from avro.datafile import DataFileReader
from avro.io import DatumReader
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.avro")):
    with DataFileReader(path.open("rb"), DatumReader()) as reader:
        for row in reader:
            print(json.dumps({"epoch": row["epoch"], "sequence": row["sequence"]}))
`;

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`no acknowledged frame is lost when the server of a Python broadcaster gets ${signal} and comes back`, async (t) => {
    const prepared = await preparePythonClient(t);
    const reader = prepared && requirePython(t, 'avro');
    if (prepared === undefined || reader === undefined) return;
    const { python, env } = prepared;
    const data = tempDir(t);
    const flags = ['--archive-avro-codec', 'deflate'];
    const first = await startHayateServer(t, { data, flags });
    const program = (role: string): TestProcess =>
      startProcess(t, ['-m', 'hayate_client.conformance', role], { executable: python, env: { ...env, ...address } });
    const address = {
      HAYATE_SERVER: `ws://127.0.0.1:${first.port}`,
      HAYATE_STREAM: 's1',
      HAYATE_TOKEN: await tokenOf(first, 's1'),
      HAYATE_FRAMES: '300',
    };
    const watcher = program('watch');
    await watcher.untilLine(/"watching"/, patience);
    const publisher = program('publish');
    await publisher.untilLine(/"acknowledged"/, patience);
    first.process.kill(signal);
    await first.process.exit;
    await publisher.untilLine(/"closed"/, patience);
    const second = await startHayateServer(t, { data, flags, port: first.port });
    const { code } = await publisher.exit;
    assert.equal(code, 0, publisher.lines.slice(-20).join('\n'));
    // It may have reconnected after the end, and then the server does not tell it of the end.
    watcher.kill('SIGTERM');
    assert.equal((await watcher.exit).code, 0);
    second.process.kill('SIGTERM');
    await second.process.exit;

    const published = linesOf(publisher).filter(({ event }) => event === 'published');
    const [epoch] = published.map((line) => line.epoch);
    assert.ok(epoch !== undefined && published.length >= 2 && published.every((line) => line.epoch === epoch));
    assert.equal(linesOf(publisher).find(({ event }) => event === 'ended')?.reason, 'FINISHED');
    assert.equal(
      linesOf(publisher)
        .filter(({ event }) => event === 'acknowledged')
        .at(-1)?.nextSequence,
      300,
    );

    const script = join(tempDir(t), 'read-archive.py');
    writeFileSync(script, readArchive);
    const archived = await runProcess(t, [script, join(data, 'archive', 'frames')], { executable: reader });
    assert.equal(archived.code, 0, archived.lines.join('\n'));
    const sequences = linesOf(archived).map(({ sequence = -1 }) => sequence);
    assert.deepEqual(
      sequences.sort((a, b) => a - b),
      Array.from({ length: 300 }, (_, index) => index),
    );
    const frames = linesOf(watcher).filter(({ event }) => event === 'frame');
    assert.equal(new Set(frames.map(({ sequence }) => sequence)).size, frames.length);
  });
}
