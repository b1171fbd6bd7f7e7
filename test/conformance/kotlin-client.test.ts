// docs/client/kotlin.md: its Kotlin compiles unchanged, together with the code that protoc
// generates for Android, and gives for every vector the result that the vector names. Protobuf's
// lite runtime reads the vectors. OkHttp watches a broadcast on a real server, breaks the contract
// and learns the close code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DescMessage, fromBinary, fromJson, toJson } from '@bufbuild/protobuf';
import * as protocol from '@hayate/protocol';
import { VECTORS, type VectorEntry } from '../../packages/protocol/scripts/vectors.ts';
import { docBlock } from '../support/doc-block.ts';
import { compileKotlin, requireKotlin } from '../support/kotlin.ts';
import { root, startProcess } from '../support/process.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { broadcast, COMMENT, TITLE } from './platform/broadcast.ts';
import type { FaceShapes, MatrixPoses, OpusHeads, PlaybackClocks } from './platform/platform-vector.ts';
import { type Call, check, drawnTextCalls, FLOAT, textCalls, textSeed, vectors } from './platform/vector-call.ts';

const here = (name: string): string => join(root, 'test/conformance/platform', name);

/** The JVM and the arguments that precede the name of a main class. */
type Program = { readonly java: string; readonly args: readonly string[] };

/**
 * The page's Kotlin, the drivers and the generated code, compiled. Returns undefined after skipping
 * the test.
 */
const compile = async (t: TestContext): Promise<Program | undefined> => {
  const tools = await requireKotlin(t);
  const protoc = tools && requireTool(t, 'protoc');
  if (tools === undefined || protoc === undefined) return undefined;
  const generated = tempDir(t);
  const protos = ['frame', 'message', 'payload'].map((name) => `hayate/v1/${name}.proto`);
  const options = [
    `--proto_path=${join(root, 'packages/protocol/proto')}`,
    `--java_out=lite:${generated}`,
    `--kotlin_out=lite:${generated}`,
  ];
  const made = spawnSync(protoc, [...options, ...protos], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  const blocks = ['HayateMatrix.kt', 'HayateShapes.kt', 'HayateOpus.kt', 'HayateClock.kt', 'HayateText.kt'];
  const sources = [
    ...blocks.map((name) => [name, docBlock('docs/client/kotlin.md', name)]),
    ...['Driver.kt', 'Wire.kt'].map((name) => [name, readFileSync(here(name), 'utf8')]),
    // Of the DSL only the files that the program uses, as the compiler is slow.
    ...['ClientMessageKt.kt', 'WatchKt.kt'].map((name) => [name, readFileSync(join(generated, 'hayate/v1', name), 'utf8')]),
  ];
  return { java: tools.java, args: await compileKotlin(t, tools, Object.fromEntries(sources), generated) };
};

const checkCode = ({ java, args }: Program): void => {
  const { frame, android } = vectors<PlaybackClocks>('playback-clock.json');
  const { shapes } = vectors<FaceShapes>('face-shape.json');
  const scores = shapes.map(({ shape }, index): [string, number] => [shape, index / 51]);
  check(
    java,
    [...args, 'DriverKt'],
    [
      ...vectors<MatrixPoses>('matrix-pose.json').poses.map(
        (pose): Call => ({ words: ['matrix', ...pose.rotation, ...pose.position], wanted: pose.columns, tolerance: FLOAT }),
      ),
      ...vectors<OpusHeads>('opus-head.json').configurations.map(
        ({ audio, ...buffers }): Call => ({
          words: ['opus', audio.channels, audio.preSkip, audio.inputSampleRate],
          wanted: [buffers['csd-0'], buffers['csd-1'], buffers['csd-2']],
          tolerance: 0,
        }),
      ),
      ...android.map(
        (at): Call => ({
          words: ['clock', at.framePosition, at.nanoTime, at.nowNanos, at.sampleRate, at.firstPosition, frame.position, frame.captureUs],
          wanted: [at.position, at.captureUs],
          tolerance: 0,
        }),
      ),
      {
        words: ['shapes', ...shapes.map(({ shape }) => shape), '_neutral=1', ...scores.toReversed().map((score) => score.join('='))],
        wanted: [Buffer.from(scores.map(([, score]) => Math.round(score * 255))).toString('hex')],
        tolerance: 0,
      },
      ...textCalls(),
      ...drawnTextCalls(textSeed, 3_000),
    ],
  );
};

const schemas = new Map<string, DescMessage>();
for (const value of Object.values(protocol))
  if (typeof value === 'object' && 'kind' in value && value.kind === 'message') schemas.set(value.name, value);

/**
 * Protobuf's lite runtime reads every valid vector of a client's messages, and writes it so that we
 * read the same content.
 */
const readVectors = ({ java, args }: Program): void => {
  const { vectors }: { vectors: VectorEntry[] } = JSON.parse(readFileSync(join(VECTORS, 'index.json'), 'utf8'));
  const messages = ['Audio', 'ClientMessage', 'Event', 'Frame', 'Motion', 'ServerMessage', 'StreamHeader'];
  const valid = vectors.filter(({ message, failure }) => failure === undefined && messages.includes(message));
  const input = valid.map(({ message, file }) => `${message} ${readFileSync(join(VECTORS, file)).toString('hex')}\n`).join('');
  const { status, stdout, stderr } = spawnSync(java, [...args, 'WireKt', 'read'], { input, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const answers = stdout.trimEnd().split('\n');
  assert.equal(answers.length, valid.length);
  assert.ok(valid.length > 40, `${valid.length} vectors`);
  for (const [i, entry] of valid.entries()) {
    const [encoded = '', ...fields] = (answers[i] ?? '').split(' ');
    const schema = schemas.get(entry.message);
    assert.ok(schema);
    const again = fromBinary(schema, Buffer.from(encoded.slice(1), 'hex'));
    assert.deepEqual(toJson(schema, again, { alwaysEmitImplicit: true }), entry.value, entry.name);
    if (entry.message !== 'Frame') continue;
    const frame = fromJson(protocol.FrameSchema, entry.value ?? null);
    const wanted = [frame.stream, frame.epoch.toString(16).padStart(16, '0'), frame.sequence, frame.captureUs];
    assert.deepEqual(
      fields,
      [...wanted, frame.kind, frame.flags, frame.participant, frame.position, frame.keySequence].map(String),
      entry.name,
    );
  }
};

const watchByOkHttp = async (t: TestContext, { java, args }: Program): Promise<void> => {
  const server = await startTestServer(t);
  const token = await server.token({ watch: ['tune'] });
  const watch = ['watch', `${server.url.replace(/^http/, 'ws')}/watch`, 'tune', token];
  const viewer = startProcess(t, [...args, 'WireKt', ...watch], { executable: java });
  await viewer.untilLine(/^watching 0{16}$/, { timeoutMs: 60_000 });
  const { epoch } = await broadcast(t, server, 'tune');
  const { code } = await viewer.exit;
  assert.equal(code, 0, viewer.lines.join('\n'));
  assert.deepEqual(viewer.lines, [
    'open hayate.v1 offered permessage-deflate taken null',
    `watching ${'0'.repeat(16)}`,
    `watching ${epoch.toString(16).padStart(16, '0')}`,
    `frame 0 KIND_HEADER ${TITLE}`,
    'frame 1 KIND_AUDIO 0 f801010101',
    ...`frame 2 KIND_EVENT ${COMMENT}`.split('\n'),
    'ended END_REASON_FINISHED',
    `closing ${protocol.CloseCodes.PROTOCOL_ERROR.code}`,
    `closed ${protocol.CloseCodes.PROTOCOL_ERROR.code}`,
  ]);
};

test('the code of the Kotlin page compiles with generated code for Android and works', async (t) => {
  const program = await compile(t);
  if (program === undefined) return;
  await t.test("the page's code makes matrices, buffers and shapes, counts time and cleans text as the vectors say", () =>
    checkCode(program),
  );
  await t.test("Protobuf's lite runtime reads every vector of a client's messages as index.json says", () => readVectors(program));
  await t.test('OkHttp watches a broadcast without compression, and learns why it is closed', (t) => watchByOkHttp(t, program));
});
