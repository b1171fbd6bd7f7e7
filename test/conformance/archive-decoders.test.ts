// `archive verify` reads frames and payloads with its own code. Each test puts one fault into a
// reader on the writer's side, in the process that also verifies: verification must find the wrong
// archive. A fault in the verifier's own decoder must likewise be found in a sound archive. The
// faults are put into the sources as Node loads them.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { root } from '../support/process.ts';

/** A fault: the expression `sound` of the file is replaced by `faulty` while the fault is on. */
interface Fault {
  readonly what: string;
  readonly file: string;
  readonly sound: string;
  readonly faulty: string;
}

const peek = 'packages/protocol/src/frame-header.ts';
const audioReader = 'packages/protocol/src/audio-reader.ts';
const codec = 'packages/protocol/src/strict-message.ts';
const decoder = 'packages/server/src/archive/verify/frame-decoder.ts';

const WRITER_FAULTS: readonly Fault[] = [
  { what: 'sequence', file: peek, sound: 'header.sequence = value', faulty: 'header.sequence = value + 1' },
  { what: 'capture time', file: peek, sound: 'header.captureUs = value', faulty: 'header.captureUs = value % 2 ** 16' },
  { what: 'kind', file: peek, sound: 'header.kind = value', faulty: 'header.kind = value === 64 ? 65 : value' },
  { what: 'flags', file: peek, sound: 'header.flags = value', faulty: 'header.flags = 0' },
  { what: 'participant', file: peek, sound: 'header.participant = value', faulty: 'header.participant = value + 1' },
  { what: 'position', file: peek, sound: 'header.position = value', faulty: 'header.position = value + 120' },
  { what: 'key sequence', file: peek, sound: 'header.keySequence = value', faulty: 'header.keySequence = value + 1' },
  { what: 'payload offset', file: peek, sound: 'header.payloadOffset = at - length', faulty: 'header.payloadOffset = at - length - 1' },
  { what: 'payload length', file: peek, sound: 'header.payloadLength = length', faulty: 'header.payloadLength = length - 1' },
  { what: 'packets', file: audioReader, sound: 'view.packetCount++', faulty: '(view.packetCount === 1 ? 1 : view.packetCount++)' },
  {
    what: 'end of long packets',
    file: audioReader,
    sound: 'payload.subarray(at, at + length)',
    faulty: 'payload.subarray(at, at + Math.min(length, 255))',
  },
  { what: 'level', file: audioReader, sound: 'payload[at + 1] ?? 128', faulty: '(payload[at + 1] ?? 128) ^ 1' },
  {
    what: 'duration of a packet',
    file: 'packages/protocol/src/opus-packet.ts',
    sound: 'FRAME_SAMPLES[toc >> 3] ?? 0',
    faulty: '2 * (FRAME_SAMPLES[toc >> 3] ?? 0)',
  },
  {
    what: "HEADER's title",
    file: codec,
    sound: 'fromBinary(schema, bytes, { readUnknownFields: false })',
    faulty: 'Object.assign(fromBinary(schema, bytes), { title: "No" })',
  },
  {
    what: "HEADER's origin",
    file: codec,
    sound: 'fromBinary(schema, bytes, { readUnknownFields: false })',
    faulty: 'Object.assign(fromBinary(schema, bytes), { originUnixUs: 7n })',
  },
  {
    what: "HEADER's audio",
    file: codec,
    sound: 'fromBinary(schema, bytes, { readUnknownFields: false })',
    faulty: 'Object.assign(fromBinary(schema, bytes), { audio: { channels: 2, preSkip: 7, inputSampleRate: 8 } })',
  },
  { what: 'payload that codecs read differently', file: codec, sound: 'checkMessage(schema, bytes)', faulty: 'undefined' },
];

const VERIFIER_FAULTS: readonly Fault[] = [
  { what: 'sequence', file: decoder, sound: 'fields.number(3)', faulty: 'fields.number(3) + 1n' },
  { what: 'position', file: decoder, sound: 'fields.number(8)', faulty: '0n' },
  { what: 'packets', file: decoder, sound: 'fields.bytesOf(1)', faulty: 'fields.bytesOf(1).slice(0, 1)' },
  { what: 'level', file: decoder, sound: 'Number(fields.number(2))', faulty: '5' },
  { what: "HEADER's pre-skip", file: decoder, sound: 'Number(audio.number(3))', faulty: '1' },
  {
    what: 'duration of a packet',
    file: 'packages/server/src/archive/verify/opus-duration.ts',
    sound: 'lengths.length * frameSamples(toc >> 3)',
    faulty: '480',
  },
];

const faults = [...WRITER_FAULTS, ...VERIFIER_FAULTS];
const keyOf = ({ file, what }: Fault): string => `${file}: ${what}`;
/** Selects the active fault. The changed sources read this selection. */
const switchOn = (fault: Fault | undefined): void => {
  Reflect.set(globalThis, 'archiveFault', fault === undefined ? '' : keyOf(fault));
};

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const own = faults.filter(({ file }) => url.endsWith(`/${file}`));
    if (own.length === 0) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    for (const fault of own) {
      // Each replacement ends with the sound expression, so that several faults can share a place.
      const [before, after, ...more] = source.split(fault.sound);
      assert.ok(before !== undefined && after !== undefined && more.length === 0, `${fault.file} does not have one "${fault.sound}"`);
      source = `${before}(globalThis.archiveFault === ${JSON.stringify(keyOf(fault))} ? ${fault.faulty} : ${fault.sound})${after}`;
    }
    return { ...loaded, source };
  },
});

// Imported after the hooks are in place.
const { encodeFrame, FrameFlag, Kind, mintEpoch } = await import('@hayate/protocol');
const { archiveUntil, writeLog } = await import('../support/archive-run.ts');
const { audioPayload, batchValue, headerPayload, STARTED_MS } = await import('../support/archive-broadcast.ts');
const { verifyArchive } = await import('../../packages/server/src/archive/verify/verify.ts');
const { openFsStore } = await import('../../packages/server/src/store/fs/open.ts');

const STREAM = 'alice';
const SECONDS = 4;

/**
 * A broadcast whose frames use every field: voices of two participants, poses, an event, and an
 * application's own kind.
 */
function frames(): { atMs: number; frame: Uint8Array }[] {
  const epoch = mintEpoch(STARTED_MS, 1);
  const made: { atMs: number; frame: Uint8Array }[] = [];
  const add = (atMs: number, kind: number, payload: Uint8Array, more: { flags?: number; keySequence?: number } & Voice = {}) =>
    made.push({
      atMs,
      frame: encodeFrame({ stream: STREAM, epoch, sequence: made.length, captureUs: atMs * 1_000, kind, payload, ...more }),
    });
  add(0, Kind.HEADER, headerPayload());
  for (let atMs = 0; atMs < SECONDS * 1_000; atMs += 60) {
    for (const participant of [0, 1])
      add(atMs, Kind.AUDIO, audioPayload([packet(9, atMs), packet(300, atMs), packet(30, atMs)], atMs % 100), {
        participant,
        position: atMs * 48,
      });
    if (atMs % 480 === 0) add(atMs, Kind.MOTION, Uint8Array.of(1), { flags: FrameFlag.KEY });
    else if (atMs % 120 === 0) add(atMs, Kind.MOTION, Uint8Array.of(2), { keySequence: made.length - 3 });
    if (atMs % 1_200 === 0) add(atMs, Kind.EVENT, new Uint8Array());
    if (atMs % 1_500 === 0) add(atMs, 64, Uint8Array.of(3));
  }
  for (const name of ['cut-short', 'level-2-32', 'varint-65-bits', 'wire-type'])
    add(SECONDS * 1_000, Kind.AUDIO, readFileSync(join(root, `spec/vectors/audio-bad-${name}.bin`)), { participant: 2 });
  return made;
}
type Voice = { participant?: number; position?: number };
const packet = (length: number, atMs: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 0x78 : (i * 7 + atMs) & 255));

let folder = '';
let end = 0;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hayate-decoders-'));
  const epoch = mintEpoch(STARTED_MS, 1);
  const batches = frames().map(({ atMs, frame }) => ({
    stream: STREAM,
    appendTimeMs: STARTED_MS + atMs + 100,
    value: batchValue(STREAM, epoch, [frame], STARTED_MS + atMs + 50),
  }));
  end = await writeLog(join(folder, 'log'), batches);
});
after(() => rmSync(folder, { recursive: true, force: true }));

let archives = 0;
/**
 * Archives the log, then verifies it; `writing` and `reading` are the active faults of the two
 * steps. Returns the broken rules.
 */
async function rulesBroken(writing: Fault | undefined, reading: Fault | undefined): Promise<string[]> {
  const place = join(folder, String(++archives));
  const directory = join(place, 'log');
  // The log remembers how far it was archived, so each run uses a copy.
  cpSync(join(folder, 'log'), directory, { recursive: true });
  mkdirSync(join(place, 'archive'));
  const store = await openFsStore({ directory: join(place, 'archive') });
  try {
    switchOn(writing);
    await archiveUntil(end, { directory, store }, { windowMs: 1_000, windowsPerCut: 2 });
    switchOn(reading);
    const { findings, summary } = await verifyArchive({ store });
    assert.equal(summary.frames, frames().length);
    return [...new Set(findings.map(({ rule }) => rule))].sort();
  } finally {
    switchOn(undefined);
    await store.close();
  }
}

test('without a fault the archive is sound', async () => {
  assert.deepEqual(await rulesBroken(undefined, undefined), []);
});

for (const fault of WRITER_FAULTS)
  test(`an archive whose writer misreads the ${fault.what} (${fault.file}) has findings, even if the verifier has the same fault`, async (t) => {
    const rules = await rulesBroken(fault, fault);
    t.diagnostic(rules.join(', '));
    assert.notDeepEqual(rules, []);
  });

for (const fault of VERIFIER_FAULTS)
  test(`a verifier that misreads the ${fault.what} (${fault.file}) has findings in a sound archive`, async (t) => {
    const rules = await rulesBroken(undefined, fault);
    t.diagnostic(rules.join(', '));
    assert.notDeepEqual(rules, []);
  });
