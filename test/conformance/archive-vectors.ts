// Writes spec/vectors/archive, a small whole archive; spec/vectors/log, the file log that it was
// made from; and spec/vectors/digests.json, which gives for objects of each kind the bytes that
// their digest is taken over. The real log and the real archiver write them from a fixed input, so
// each run gives the same bytes. Run it as a program to regenerate them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { EndedSchema, encodeFrame, type FrameFields, FrameFlag, Kind, RangeSchema } from '@hayate/protocol';
import { decodeManifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { STATISTICS_TABLE } from '../../packages/server/src/archive/row/statistics-row.ts';
import { joinParts, readAvroFile } from '../../packages/server/src/format/avro/index.ts';
import { logicalDigest } from '../../packages/server/src/format/logical-digest.ts';
import { readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { readParquetMetadata } from '../../packages/server/src/format/parquet/index.ts';
import { openFileLog } from '../../packages/server/src/log/file/open.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import { audioPayload, batchValue, headerPayload, tickValue } from '../support/archive-broadcast.ts';
import { archiveUntil } from '../support/archive-run.ts';
import { root } from '../support/process.ts';

/** Folder of the vectors. */
export const VECTORS = join(root, 'spec/vectors');

/** One part of a digest's input: text, or bytes in hexadecimal. */
interface DigestPart {
  what: string;
  text?: string;
  hex?: string;
}

/** One entry of spec/vectors/digests.json. */
export interface DigestVector {
  name: string;
  about: string;
  /** The object, below spec/vectors/archive. */
  object?: string;
  parts: DigestPart[];
  digest: string;
}

const STREAM = 'studio-7';
const STARTED_MS = Date.UTC(2026, 0, 1);
const EPOCH = (BigInt(STARTED_MS) << 20n) | 0xabcden;
const LOG = { format: 1, id: '0123456789abcdef', partitions: 1, checksumSeed: 0x12345678 };
/** Lets the objects be read without a decompressor, and keeps them small. */
const CONFIG = { avroCodec: 'null', windowMs: 10_000, windowsPerCut: 1 } as const;
const FIRST_PACKET = [0x78, 1, 2, 3];

/** The log's entries: two cuts of one broadcast. */
function entries(): { appendTimeMs: number; value: Uint8Array }[] {
  const frame = (sequence: number, fields: Partial<FrameFields>) =>
    encodeFrame({
      stream: STREAM,
      epoch: EPOCH,
      sequence,
      captureUs: sequence * 20_000,
      kind: Kind.AUDIO,
      payload: new Uint8Array(),
      ...fields,
    });
  const voice = (sequence: number, position: number, participant = 0) =>
    frame(sequence, {
      position,
      participant,
      payload: audioPayload([Uint8Array.of(...FIRST_PACKET.slice(0, 1), sequence, 2, 3)], 20 + sequence),
    });
  const batch = (appendTimeMs: number, frames: readonly Uint8Array[], more: Parameters<typeof batchValue>[4] = {}) => ({
    appendTimeMs,
    value: batchValue(STREAM, EPOCH, frames, appendTimeMs - 50, { labels: { room: 'a' }, incarnation: 1n, ...more }),
  });
  const header = frame(0, {
    kind: Kind.HEADER,
    captureUs: 0,
    payload: headerPayload({ title: 'Vector', originUnixUs: STARTED_MS * 1_000 }),
  });
  return [
    // Positions go back: sequence 1 lies 15 s after the frames that follow it.
    batch(STARTED_MS + 200, [header, voice(1, 720_000), voice(2, 0), voice(3, 960), voice(4, 0, 1)]),
    // Sequence 5 arrives in the next cut; concealment takes its place.
    batch(STARTED_MS + 400, [voice(6, 2_880), frame(7, { kind: Kind.MOTION, flags: FrameFlag.KEY }), frame(8, { kind: 64 })], {
      dropped: [create(RangeSchema, { first: 9n, last: 10n })],
    }),
    batch(STARTED_MS + 12_000, [voice(5, 1_920), voice(11, 720_960)], {
      end: create(EndedSchema, { epoch: EPOCH, nextSequence: 12n, reason: 1 }),
    }),
  ];
}

/** Writes the log and the archive below `folder`. */
async function writeArchive(folder: string): Promise<void> {
  const directory = join(folder, 'log');
  let nowMs = STARTED_MS;
  await (await openFileLog({ directory, partitions: LOG.partitions })).close();
  writeFileSync(join(directory, 'log.json'), `${JSON.stringify(LOG)}\n`);
  const log = await openFileLog({ directory, now: () => nowMs });
  for (const { appendTimeMs, value } of entries()) {
    nowMs = appendTimeMs;
    await log.append(STREAM, value);
  }
  const { offset } = await log.append('', tickValue(true));
  await log.close();
  mkdirSync(join(folder, 'archive'));
  const store = await openFsStore({ directory: join(folder, 'archive') });
  await archiveUntil(offset + 1, { directory, store }, CONFIG);
  await store.close();
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/** Every file that this script writes, by its path below spec/vectors. */
export async function archiveVectorFiles(): Promise<Map<string, Uint8Array>> {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-vectors-'));
  try {
    await writeArchive(folder);
    const kept = filesBelow(folder).filter((path) => path.startsWith('archive/') || /^log\/(log\.json|p=.*)$/.test(path));
    const files = new Map(kept.map((path): [string, Uint8Array] => [path, readFileSync(join(folder, path))]));
    const digests = { digests: await digestVectors(files) };
    return files.set('digests.json', Buffer.from(`${JSON.stringify(digests, undefined, 1)}\n`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function digestVectors(files: ReadonlyMap<string, Uint8Array>): Promise<DigestVector[]> {
  const vectors: DigestVector[] = [
    entry('no-parts', 'no parts at all', []),
    entry('empty-part', 'one part of no bytes', [{ what: 'nothing', text: '' }]),
    entry('parts-a-bc', 'two parts', [
      { what: 'first', text: 'a' },
      { what: 'second', text: 'bc' },
    ]),
    entry('parts-ab-c', 'the same bytes, divided otherwise', [
      { what: 'first', text: 'ab' },
      { what: 'second', text: 'c' },
    ]),
    entry('parts-text', 'text counts as UTF-8', [{ what: 'title', text: '夜 🎤' }]),
    entry('parts-bytes', 'bytes that are not text', [{ what: 'packet', hex: 'ff00' }]),
  ];
  for (const [path, bytes] of files) {
    const object = path.slice('archive/'.length);
    if (path.startsWith('archive/cuts/')) vectors.push(...manifestVectors(object, bytes));
    if (path.endsWith('.avro')) vectors.push(avroVector(object, bytes));
    if (path.endsWith('.parquet')) vectors.push(await parquetVector(object, bytes));
    if (path.endsWith('.ogg')) vectors.push(audioVector(object, bytes));
  }
  return vectors;
}

function entry(name: string, about: string, parts: DigestPart[], object?: string): DigestVector {
  const digest = logicalDigest(parts.map(({ text, hex = '' }) => text ?? Buffer.from(hex, 'hex')));
  return { name, about, ...(object === undefined ? {} : { object }), parts, digest };
}

/** Returns the entry of an object after checking that the object carries its digest. */
function carried(vector: DigestVector, digest: string | undefined): DigestVector {
  assert.equal(vector.digest, digest, vector.name);
  return vector;
}

function manifestVectors(object: string, bytes: Uint8Array): DigestVector[] {
  const { format: _, digest, seal, config, erased: __, ...content } = decodeManifest(bytes, object);
  const start = String(content.start);
  return [
    carried(entry(`manifest-${start}`, 'a manifest', [{ what: 'content', text: JSON.stringify(content) }], object), digest),
    carried(
      entry(
        `seal-${start}`,
        'the seal of that manifest',
        [
          { what: 'config', text: JSON.stringify(config) },
          { what: 'digest', text: digest },
        ],
        object,
      ),
      seal,
    ),
  ];
}

/**
 * An object's name in digests.json: its kind, the part of the archive it belongs to, and the number
 * with which its own name begins.
 */
function nameOf(object: string): string {
  const folders = object.split('/');
  const [kind, file = ''] = [folders[0], folders.at(-1)];
  const about = folders.filter((folder) => folder === 'late' || folder.startsWith('participant='));
  return [kind, ...about, Number(file.slice(0, 20))].join('-').replace('=', '-');
}

function avroVector(object: string, bytes: Uint8Array): DigestVector {
  const { header, blocks } = readAvroFile(bytes);
  const rows = Buffer.concat(blocks.map((block) => joinParts(block)));
  const parts: DigestPart[] = [
    { what: 'schema', text: header.schemaJson },
    { what: 'metadata', text: JSON.stringify(Object.entries(header.metadata)) },
    { what: 'number of rows', text: String(blocks.reduce((sum, block) => sum + block.rows, 0)) },
    { what: 'SHA-256 of the rows', text: createHash('sha256').update(rows).digest('hex') },
  ];
  return carried(entry(nameOf(object), 'an Avro object', parts, object), header.digest);
}

async function parquetVector(object: string, bytes: Uint8Array): Promise<DigestVector> {
  const { 'hayate.digest': digest, 'hayate.sha256': _, ...metadata } = readParquetMetadata(bytes);
  const rows = await decodeStatistics(object, bytes);
  const names = Object.keys(STATISTICS_TABLE) as (keyof typeof STATISTICS_TABLE)[];
  const lines = rows.map((row) => `${JSON.stringify(names.map((name) => row[name] ?? null))}\n`);
  const parts: DigestPart[] = [
    { what: 'columns', text: JSON.stringify(STATISTICS_TABLE) },
    { what: 'metadata', text: JSON.stringify(Object.entries(metadata)) },
    { what: 'number of rows', text: String(rows.length) },
    { what: 'SHA-256 of the rows', text: createHash('sha256').update(lines.join('')).digest('hex') },
  ];
  return carried(entry(nameOf(object), 'a Parquet object', parts, object), digest);
}

function audioVector(object: string, bytes: Uint8Array): DigestVector {
  const [link] = readOggOpus(bytes);
  assert.ok(link !== undefined);
  const { channels, preSkip, inputSampleRate } = link.head;
  const tags = link.tags.filter(([name]) => name !== 'HAYATE_DIGEST');
  const parts: DigestPart[] = [
    { what: 'head and tags', text: JSON.stringify([{ channels, preSkip, inputSampleRate }, tags]) },
    ...link.packets.map(({ data }) => ({ what: 'packet', hex: Buffer.from(data).toString('hex') })),
  ];
  return carried(entry(nameOf(object), 'an audio object', parts, object), link.tags.find(([name]) => name === 'HAYATE_DIGEST')?.[1]);
}

/** Of longer parts only the first and last bytes are shown. */
const SHOWN_BYTES_MAX = 160;
const LINE_BYTES = 16;

/** The input of a digest, byte by byte, as spec/archive.md shows it. */
export function renderDigest({ parts, digest }: DigestVector): string {
  const lines = parts.flatMap(({ what, text, hex = '' }) => {
    const bytes = text === undefined ? Buffer.from(hex, 'hex') : Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return [`${hexLine(length)}  ${what}: ${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`, ...renderBytes(bytes)];
  });
  return [...lines, `SHA-256: ${digest}`].join('\n');
}

/** Bytes in lines of 16, with their characters. */
export function renderBytes(bytes: Buffer): string[] {
  const lines = Array.from({ length: Math.ceil(bytes.length / LINE_BYTES) }, (_, i) => {
    const line = bytes.subarray(i * LINE_BYTES, (i + 1) * LINE_BYTES);
    return `${hexLine(line)}  ${Array.from(line, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')}`;
  });
  if (bytes.length <= SHOWN_BYTES_MAX) return lines;
  return [...lines.slice(0, 2), `(${(lines.length - 3) * LINE_BYTES} bytes more)`, ...lines.slice(-1)];
}

const hexLine = (bytes: Buffer): string => (bytes.toString('hex').match(/../g) ?? []).join(' ').padEnd(LINE_BYTES * 3 - 1);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = await archiveVectorFiles();
  for (const folder of ['archive', 'log']) rmSync(join(VECTORS, folder), { recursive: true, force: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(VECTORS, path)), { recursive: true });
    writeFileSync(join(VECTORS, path), bytes);
  }
  console.log(`${files.size} files in spec/vectors`);
}
