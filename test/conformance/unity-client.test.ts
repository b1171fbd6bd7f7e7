// docs/client/unity.md: its C# compiles unchanged and gives for every vector the result that the
// vector names. .NET's ClientWebSocket, whose Mono build Unity uses, watches a broadcast on a real
// server, breaks the contract and learns the close code.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as protocol from '@hayate/protocol';
import { docBlock } from '../support/doc-block.ts';
import { root, runProcess, startProcess, type TestProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { broadcast } from './platform/broadcast.ts';
import type { MatrixPoses, PlaybackClocks, UnityPoses } from './platform/platform-vector.ts';
import { type Call, check, drawnTextCalls, FLOAT, ownBoneCalls, textCalls, textSeed, vectors } from './platform/vector-call.ts';

const here = (name: string): string => join(root, 'test/conformance/platform', name);

const csharp = async (t: TestContext): Promise<{ mono: string; program: string } | undefined> => {
  const mcs = requireTool(t, 'mcs');
  const mono = mcs && requireTool(t, 'mono');
  if (mcs === undefined || mono === undefined) return undefined;
  const folder = tempDir(t);
  const blocks = ['HayateAxes.cs', 'HayateClock.cs', 'HayateText.cs'];
  for (const name of blocks) writeFileSync(join(folder, name), docBlock('docs/client/unity.md', name));
  const program = join(folder, 'driver.exe');
  const sources = [...blocks.map((name) => join(folder, name)), here('Driver.cs'), here('UnityEngine.cs')];
  const { code, lines } = await runProcess(t, ['-langversion:7', '-warnaserror', `-out:${program}`, ...sources], { executable: mcs });
  assert.equal(code, 0, lines.join('\n'));
  return { mono, program };
};

test('the C# of the Unity page converts poses, counts time and cleans text as the vectors say', async (t) => {
  const compiled = await csharp(t);
  if (compiled === undefined) return;
  const { rotations, positions, ownBones } = vectors<UnityPoses>('unity-pose.json');
  const { frame, unity } = vectors<PlaybackClocks>('playback-clock.json');
  check(
    compiled.mono,
    [compiled.program],
    [
      ...rotations.map((pose): Call => ({ words: ['rotation', ...pose.vrm], wanted: pose.unity, tolerance: FLOAT })),
      ...positions.map((pose): Call => ({ words: ['position', ...pose.vrm], wanted: pose.unity, tolerance: FLOAT })),
      ...ownBoneCalls(ownBones, ([x = 0, y = 0, z = 0, w = 0]) => [x, -y, -z, w]),
      ...ownBoneCalls(vectors<MatrixPoses>('matrix-pose.json').ownBones, (vrm) => vrm),
      ...unity.map(
        (at): Call => ({
          words: ['clock', at.dspTime, at.anchorDspTime, at.anchorPosition, frame.position, frame.captureUs],
          wanted: [at.position, at.captureUs],
          tolerance: 0,
        }),
      ),
      ...textCalls(),
      // Without this text, as the page excludes marks beyond U+FFFF.
      ...drawnTextCalls(textSeed, 3_000, /\u{1d165}/u),
    ],
  );
});

/** Starts the C# viewer on `path` of `server`. */
const startClientWebSocket = async (
  t: TestContext,
  server: TestServer,
  path: string,
  hello: Uint8Array,
): Promise<TestProcess | undefined> => {
  const mcs = requireTool(t, 'mcs');
  const mono = mcs && requireTool(t, 'mono');
  if (mcs === undefined || mono === undefined) return undefined;
  const folder = tempDir(t);
  const executable = join(folder, 'watch.exe');
  const compiled = await runProcess(t, ['-langversion:7', `-out:${executable}`, here('Watch.cs')], { executable: mcs });
  assert.equal(compiled.code, 0, compiled.lines.join('\n'));
  const url = `${server.url.replace(/^http/, 'ws')}${path}`;
  return startProcess(t, [executable, url, Buffer.from(hello).toString('hex')], { executable: mono });
};

test("Unity's ClientWebSocket watches a broadcast in pieces, and learns why it is closed", async (t) => {
  const server = await startTestServer(t);
  const token = await server.token({ watch: ['tune'] });
  const hello = toBinary(protocol.ClientMessageSchema, create(protocol.ClientMessageSchema, { watch: { stream: 'tune', token } }));
  const viewer = await startClientWebSocket(t, server, '/watch', hello);
  if (viewer === undefined) return;
  await viewer.untilLine(/^message /, { timeoutMs: 60_000 });
  const { epoch, frames } = await broadcast(t, server, 'tune');
  assert.equal((await viewer.exit).code, 0, viewer.lines.join('\n'));
  assert.equal(viewer.lines[0], 'open hayate.v1');
  assert.equal(viewer.lines.at(-1), `closing ${protocol.CloseCodes.PROTOCOL_ERROR.code}`);
  const messages = viewer.lines
    .filter((line) => line.startsWith('message '))
    .map((line) => fromBinary(protocol.ServerMessageSchema, Buffer.from(line.slice('message '.length), 'hex')));
  assert.deepEqual(
    messages.flatMap(({ watching }) => (watching === undefined ? [] : [watching.epoch])),
    [0n, epoch],
  );
  assert.deepEqual(
    messages.flatMap((message) => message.frames.map((frame) => Buffer.from(frame).toString('hex'))),
    frames.map((frame) => Buffer.from(frame).toString('hex')),
  );
});

test("a refused upgrade makes Unity's ClientWebSocket throw", async (t) => {
  const server = await startTestServer(t);
  const viewer = await startClientWebSocket(t, server, '/watch?stream=tune', Uint8Array.of());
  if (viewer === undefined) return;
  assert.equal((await viewer.exit).code, 0, viewer.lines.join('\n'));
  assert.deepEqual(viewer.lines, ['refused WebSocketException']);
});
