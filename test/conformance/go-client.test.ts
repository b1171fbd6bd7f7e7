// The Go viewer of clients/go, which was written from spec/ alone. Its own tests and checks run
// here, its generated code is compared with the .proto files, and it watches a real broadcast
// through a network and a server that fail. Every frame of the broadcast must arrive or be named as
// missing.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { cleanUp } from '../support/clean-up.ts';
import { requireGoProgram } from '../support/go-program.ts';
import { findGo, goEnvironment } from '../support/go-tool.mjs';
import { demoClip, startHayate, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { root, runProcess, startProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { tempDir } from '../support/temp-dir.ts';

const client = join(root, 'clients/go');
const stream = 'go-client';

/** Runs a program in the client's folder and returns its output. Throws if the program fails. */
type Run = (program: string, args: readonly string[]) => Promise<string>;

/**
 * A way to run `go` and programs that call it. Returns undefined after skipping the test. Fetches
 * nothing more.
 */
async function requireGo(t: TestContext): Promise<{ go: string; run: Run } | undefined> {
  const installed = (await requireGoProgram(t, 'conformance-watch')) && requireTool(t, 'go');
  if (installed === undefined) return undefined;
  const found = findGo();
  const go = isAbsolute(found) ? found : installed;
  const env = { ...goEnvironment, PATH: [dirname(go), process.env.PATH].join(delimiter) };
  const run: Run = async (executable, args) => {
    const { code, lines, stdout } = await runProcess(t, args, { executable, cwd: client, timeoutMs: 600_000, env });
    assert.equal(code, 0, lines.join('\n'));
    return stdout.join('\n');
  };
  return { go, run };
}

test("the Go client passes Go's checks and its own tests", async (t) => {
  const tools = await requireGo(t);
  if (tools === undefined) return;
  const { go, run } = tools;
  const format = join((await run(go, ['env', 'GOROOT'])).trim(), 'bin/gofmt');
  assert.equal(await run(format, ['-l', '.']), '');
  await run(go, ['vet', './...']);
  assert.match(await run(go, ['test', '-count=1', './...']), /^ok\s+github\.com\/hayate-live\/hayate-go\s/m);
});

test("the Go client's generated code equals the output of go generate", async (t) => {
  const tools = await requireGo(t);
  if (tools === undefined) return;
  const fresh = tempDir(t);
  await tools.run(process.execPath, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), 'generate', '--output', fresh]);
  const filesIn = (folder: string): Record<string, string> =>
    Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  assert.deepEqual(filesIn(join(client, 'hayatev1')), filesIn(join(fresh, 'hayatev1')));
});

test("the Go client has the repository's licence, since its module is published alone", () => {
  assert.equal(readFileSync(join(client, 'LICENSE'), 'utf8'), readFileSync(join(root, 'LICENSE'), 'utf8'));
});

/** A port that forwards to `target` and can break all its connections. */
async function startCuttingProxy(t: TestContext, target: number): Promise<{ port: number; cut: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  cleanUp(t, () => {
    cut();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, cut };
}

/** A line of the viewer's output: a JSON object. */
interface Line {
  readonly event: string;
  readonly epoch?: string | null;
  readonly sequence?: number;
  readonly first?: number;
  readonly last?: number;
  readonly reason?: string;
}

test('the Go client gets each frame of a broadcast once or is told that it is missing, through cut connections and a restart', async (t) => {
  const program = await requireGoProgram(t, 'conformance-watch');
  if (program === undefined) return;
  const folder = tempDir(t);
  const [data, clip, ackLog] = [join(folder, 'data'), join(folder, 'clip.ogg'), join(folder, 'acks')];
  writeFileSync(clip, demoClip(5).bytes);
  let server = await startHayateServer(t, { data });
  const { port } = server;
  const proxy = await startCuttingProxy(t, port);
  const answer = await fetch(`${server.url}/dev/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ grants: { watch: [stream] } }),
  });
  const { token } = (await answer.json()) as { token: string };
  const env = { HAYATE_SERVER: `ws://127.0.0.1:${proxy.port}`, HAYATE_STREAM: stream, HAYATE_TOKEN: token };
  const viewer = startProcess(t, [], { executable: program, env });
  const lines = (): Line[] => viewer.stdout.map((line) => JSON.parse(line) as Line);
  const broadcast = startHayate(t, ['broadcast', clip, '--loop', '--stream', stream, '--server', server.url, '--ack-log', ackLog]);

  /** Waits until 50 more frames have arrived. */
  const untilMore = async (what: string): Promise<void> => {
    const count = (): number => lines().filter(({ event }) => event === 'frame').length;
    const before = count();
    await poll(`frames ${what}`, () => count() >= before + 50, { timeoutMs: 60_000 });
  };
  await untilMore('of the broadcast');
  for (const cut of ['first', 'second']) {
    proxy.cut();
    await untilMore(`after the ${cut} cut`);
  }
  server.process.kill('SIGTERM');
  await server.process.exit;
  server = await startHayateServer(t, { data, port });
  await untilMore('after a restart');
  broadcast.kill('SIGINT');
  await broadcast.exit;
  await viewer.untilLine(/"event":"ended","reason":"FINISHED"/);
  viewer.kill('SIGTERM');
  assert.equal((await viewer.exit).code, 0, viewer.stderr.join('\n'));

  const acks = readFileSync(ackLog, 'utf8').trim().split('\n');
  const { epoch, nextSequence } = JSON.parse(acks.at(-1) ?? '') as { epoch: string; nextSequence: number };
  const frames = lines().flatMap(({ event, sequence }) => (event === 'frame' && sequence !== undefined ? [sequence] : []));
  assert.equal(new Set(frames).size, frames.length, 'a frame came twice');
  assert.deepEqual([...new Set(lines().flatMap((line) => (line.event === 'frame' ? [line.epoch] : [])))], [epoch]);
  const known = new Set(frames);
  for (const { event, first = 0, last = -1 } of lines())
    if (event === 'gap') for (let sequence = first; sequence <= last; sequence++) known.add(sequence);
  const unknown = Array.from({ length: nextSequence }, (_, i) => i).filter((sequence) => !known.has(sequence));
  const counted = viewer.stderr.find((line) => line.includes('counted')) ?? '';
  const withoutKey = Number(/without key:(\d+)/.exec(counted)?.[1] ?? 0);
  assert.deepEqual({ unknown: unknown.length, most: Math.max(...known) }, { unknown: withoutKey, most: nextSequence - 1 }, counted);
  assert.ok(lines().filter(({ event }) => event === 'closed').length >= 3);
  t.diagnostic(`${nextSequence} sent, ${frames.length} came, ${known.size - frames.length} missing; ${counted}`);
});
