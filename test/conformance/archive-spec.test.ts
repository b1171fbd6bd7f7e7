// spec/archive.md, log-file.md and log-kafka.md match the code: their tables are the code's lists,
// their numbers are its constants, their examples are the vectors, their links resolve, and their
// words are plain.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Limits } from '@hayate/protocol';
import { CUT_CONFIG } from '../../packages/server/src/archive/layout/cut-config.ts';
import { decodeManifest } from '../../packages/server/src/archive/layout/manifest.ts';
import { audioKey, hourlyKey, manifestKey, retainedKey } from '../../packages/server/src/archive/layout/path.ts';
import { everythingRetained } from '../../packages/server/src/archive/layout/retained.ts';
import { decodeStatistics } from '../../packages/server/src/archive/read/statistics-reader.ts';
import { FRAME_TABLE } from '../../packages/server/src/archive/row/frame-row.ts';
import { MARK_TABLE } from '../../packages/server/src/archive/row/mark-row.ts';
import { COLUMN_NUMBER_MAX } from '../../packages/server/src/archive/row/safe-number.ts';
import { STATISTICS_TABLE } from '../../packages/server/src/archive/row/statistics-row.ts';
import { AVRO_BLOCK_BYTES, joinParts, readAvroFile } from '../../packages/server/src/format/avro/index.ts';
import { GAP_STEP_SAMPLES, readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import { PAGE_LIMITS } from '../../packages/server/src/format/ogg/ogg-opus-writer.ts';
import { schemaOf } from '../../packages/server/src/format/parquet/parquet-schema.ts';
import { ENTRY_BYTES_MAX } from '../../packages/server/src/log/file/record.ts';
import { GROUP_BYTES_MAX } from '../../packages/server/src/log/file/recovery.ts';
import { murmur2 } from '../../packages/server/src/log/kafka/murmur2.ts';
import { root } from '../support/process.ts';
import { type DigestVector, renderBytes, renderDigest, VECTORS } from './archive-vectors.ts';
import { tableRows } from './markdown-table.ts';

const spec = join(root, 'spec');
const pages = ['archive.md', 'log-file.md', 'log-kafka.md'];
const page = (name: string): string => readFileSync(join(spec, name), 'utf8');
const text = page('archive.md');
const source = (path: string): string => readFileSync(join(root, 'packages/server/src', path), 'utf8');
/** The text with its lines joined, for searching sentences. */
const flowing = (of: string): string => of.replace(/\s+/g, ' ');

const table = (header: string, of = text): string[][] => tableRows(of, header);

/** Names in the first column of a table; `{a,b}_x` stands for a_x and b_x. */
const names = (header: string): string[] =>
  table(header).flatMap(([cell = '']) =>
    cell
      .split(/, (?![^{]*\})/)
      .flatMap(
        (name) =>
          /^\{(.*)\}(.*)$/
            .exec(name)
            ?.slice(1)
            .reduce((list, rest) =>
              list
                .split(',')
                .map((one) => one + rest)
                .join(' '),
            ) ?? name,
      )
      .flatMap((name) => name.split(' ')),
  );

test("the configuration's table equals the code's, with its order and defaults", () => {
  assert.deepEqual(
    table('config | default').map(([name, value]) => [name, value]),
    Object.entries(CUT_CONFIG).map(([name, value]) => [name, String(value)]),
  );
});

test('the fields of manifests are those of the small archive, in the order of the page', () => {
  const key = 'cuts/0123456789abcdef/p=000/00000000000000000002.json';
  const bytes = readFileSync(join(VECTORS, 'archive', key));
  const { state, ...rest } = decodeManifest(bytes, key);
  const [, order = ''] = /The fields stand in this order: ([^.]+)\./.exec(flowing(text)) ?? [];
  assert.deepEqual(order.replaceAll('`', '').split(', '), [...Object.keys(JSON.parse(bytes.toString())), 'erased']);
  const described = new Set(names('field | meaning').map((name) => name.split('.')[0]));
  for (const name of [...Object.keys(rest), 'state', 'erased']) assert.ok(described.has(name), name);
  for (const name of Object.keys(state)) assert.ok(text.includes(`| \`state.${name}\` |`), name);
  const [epoch] = state.epochs;
  assert.ok(epoch?.header !== undefined);
  for (const name of [...Object.keys(epoch), ...Object.keys(epoch.header), ...Object.keys(epoch.tracks[0] ?? {})])
    assert.ok(text.includes(`\`${name}\``), name);
});

test('keys are formed as the page says', () => {
  const keys = table('output | key').map(([, key = '']) => key);
  const timeMs = Date.UTC(2026, 4, 3, 17);
  const name = { log: 'LOG', partition: 7 };
  const filled = (key: string): string =>
    key
      .replace('<log>', 'LOG')
      .replace('YYYY-MM-DD', '2026-05-03')
      .replace('HH', '17')
      .replace('NNN', '007')
      .replace('<start>', '00000000000000000005')
      .replace('<end>', '00000000000000000009')
      .replace('<stream>', 'alice')
      .replace('<epoch>', '000000000000000f')
      .replace('<first sequence>', '00000000000000000005')
      .replace('<position>', '00000000000000000009');
  const hourly = (folder: 'frames' | 'hourly' | 'marks' | 'statistics') => hourlyKey(folder, name, timeMs, { start: 5, end: 9 });
  const audio = { stream: 'alice', epoch: 15n, participant: 0, late: false, firstSequence: 5, position: 9 };
  assert.deepEqual(keys.map(filled), [hourly('frames'), hourly('marks'), hourly('statistics'), audioKey(audio)]);
  const [, hour = ''] = /`(hourly\/\S+)` holds/.exec(text) ?? [];
  assert.equal(filled(hour), hourly('hourly'));
  const [, manifest = ''] = /`(cuts\/\S+)` is the manifest/.exec(text) ?? [];
  assert.equal(filled(manifest).replace('<partition>', '007').replace('p=007', 'p=007'), manifestKey(name, 5));
  const [, retained = ''] = /`(retained\/\S+)` says/.exec(text) ?? [];
  assert.equal(filled(retained), retainedKey(name));
  assert.match(audioKey({ ...audio, participant: 3, late: true }), /\/participant=03\/late\//);
});

test('the schemas next to the page are those of the files', () => {
  for (const [file, { schemaJson }] of [
    ['frame.avsc', FRAME_TABLE],
    ['mark.avsc', MARK_TABLE],
  ] as const)
    assert.equal(JSON.stringify(JSON.parse(page(file))), schemaJson, file);
  assert.equal(JSON.stringify(JSON.parse(page('statistics.schema.json'))), JSON.stringify(STATISTICS_TABLE));
});

test('every column of the statistics is explained, in file order, and every type is stored as the page says', () => {
  const explained = names('column | meaning');
  assert.deepEqual([...explained].sort(), Object.keys(STATISTICS_TABLE).sort());
  const types = new Map(table('type | Parquet').map(([type = '', stored = '']) => [type, stored]));
  assert.deepEqual([...types.keys()].sort(), [...new Set(Object.values(STATISTICS_TABLE).map(({ type }) => type))].sort());
  for (const { name, type, logical_type: logical } of schemaOf(STATISTICS_TABLE).slice(1)) {
    const stored = types.get(STATISTICS_TABLE[name as keyof typeof STATISTICS_TABLE].type) ?? '';
    assert.ok(stored.startsWith(type ?? 'nothing'), name);
    assert.ok(logical === undefined || stored.includes(`annotated ${logical.type}`), name);
  }
});

test('the tags are those of a segment, in its order, and its vendor is the one named', () => {
  const described = names('tag | value');
  for (const object of ['late/00000000000000000005-00000000000000001920', '00000000000000000002-00000000000000000000']) {
    const [link] = readOggOpus(readFileSync(join(VECTORS, 'archive/audio/studio-7/19b76daa800abcde', `${object}.ogg`)));
    assert.ok(link !== undefined);
    const own = link.tags.map(([name]) => name);
    assert.deepEqual(
      own,
      described.filter((name) => own.includes(name)),
    );
    assert.ok(text.includes(`Tags (vendor \`${link.vendor}\`)`), link.vendor);
  }
});

test('the retention record has the fields of its table', () => {
  const [, section = ''] = /\n## Retention\n(.*?)\n## /s.exec(text) ?? [];
  const described = table('field | meaning', section).flatMap(([names = '']) => names.split(', '));
  assert.deepEqual(described.sort(), Object.keys(everythingRetained({ log: 'LOG', partition: 0 })).sort());
  assert.ok(section.includes(`"${everythingRetained({ log: 'LOG', partition: 0 }).format}"`));
});

test('the rules of the verifier are those of the table', () => {
  const [, list = ''] = /export type Rule =([^;]+);/.exec(source('archive/verify/finding.ts')) ?? [];
  assert.deepEqual(
    table('rule | what is proved').map(([rule]) => rule),
    [...list.matchAll(/'([^']+)'/g)].map(([, rule]) => rule),
  );
});

test('numbers in the text equal those of the code', () => {
  const said = flowing(text);
  const number = (value: number): string => value.toLocaleString('en');
  const sentences = [
    `a multiple of \`windowMs\` (${number(CUT_CONFIG.windowMs)})`,
    `\`windowsPerCut\` (${CUT_CONFIG.windowsPerCut})`,
    `\`cutBytes\` (${number(CUT_CONFIG.cutBytes)}) bytes`,
    `Numbers above ${number(COLUMN_NUMBER_MAX)}`,
    `longer than ${number(AVRO_BLOCK_BYTES)} bytes uncompressed`,
    `A page holds at most ${PAGE_LIMITS.samples / 48_000} s or ${PAGE_LIMITS.packets} packets`,
    `not a multiple of ${GAP_STEP_SAMPLES / 48} ms`,
    `its participant is ${Limits.participantsMax} or above`,
    `One cut of up to ${CUT_CONFIG.cutBytes / 2 ** 20} MiB of log`,
  ];
  for (const sentence of sentences) assert.ok(said.includes(sentence), sentence);
  const [, offsets = ''] = /OFFSETS_MAX = 2 \*\* (\d+)/.exec(source('archiver/upkeep/hourly.ts')) ?? [];
  assert.ok(said.includes(`at most ${number(2 ** Number(offsets))} (2^${offsets}) offsets`));
  const [, slotUs = ''] = /LEVEL_SLOT_US = ([\d_]+)/.exec(source('archive/row/level-runs.ts')) ?? [];
  assert.ok(said.includes(`in each ${Number(slotUs.replaceAll('_', '')) / 1000} ms of capture time`));
  const file = flowing(page('log-file.md'));
  assert.ok(file.includes(`at most ${number(ENTRY_BYTES_MAX)} bytes (${ENTRY_BYTES_MAX / 2 ** 20} MiB)`));
  assert.ok(file.includes(`at most ${number(GROUP_BYTES_MAX)} bytes (${GROUP_BYTES_MAX / 2 ** 20} MiB)`));
  const [, partitionsMax = ''] = /partitions > (\d+)/.exec(source('log/file/open.ts')) ?? [];
  assert.ok(file.includes(`| 1 to ${partitionsMax} |`));
  const kafka = flowing(page('log-kafka.md'));
  for (const key of ['hoshi', 'stream-7']) assert.ok(kafka.includes(`\`murmur2("${key}")\` is ${murmur2(Buffer.from(key))}`), key);
  const [, protocol = ''] = /PROTOCOL = '([^']+)'/.exec(source('log/kafka/group-member.ts')) ?? [];
  assert.ok(protocol !== '' && kafka.includes(`\`${protocol}\``));
});

test('the examples equal the vectors', async () => {
  const { digests }: { digests: DigestVector[] } = JSON.parse(readFileSync(join(VECTORS, 'digests.json'), 'utf8'));
  const vector = (name: string): DigestVector => digests.find((one) => one.name === name) ?? assert.fail(name);
  const object = (name: string): Buffer => readFileSync(join(VECTORS, 'archive', vector(name).object ?? ''));
  const blocks = [...text.matchAll(/```\n(.*?)\n```/gs)].map(([, block]) => block ?? '');
  for (const name of ['parts-a-bc', 'manifest-0', 'seal-0', 'marks-2', 'audio-11', 'statistics-2'])
    assert.ok(blocks.includes(renderDigest(vector(name))), `the example ${name} is not\n${renderDigest(vector(name))}`);
  const marks = Buffer.concat(readAvroFile(object('marks-2')).blocks.map((block) => joinParts(block)));
  assert.ok(blocks.includes(renderBytes(marks).join('\n')));
  const [row] = await decodeStatistics(vector('statistics-2').object ?? '', object('statistics-2'));
  const columns = Object.keys(STATISTICS_TABLE) as (keyof typeof STATISTICS_TABLE)[];
  const joined = blocks.map((block) => block.replaceAll('\n', ''));
  assert.ok(joined.includes(JSON.stringify(columns.map((name) => row?.[name] ?? null))));
  assert.ok(joined.includes(vector('audio-11').parts[0]?.text ?? 'nothing'));
  assert.equal(blocks.length, 9, 'an example is not checked here');
});

for (const name of pages)
  test(`${name}: links lead to files, prose stays within 110 columns, and its words are plain`, () => {
    const own = page(name);
    for (const [, target = ''] of own.matchAll(/\]\(([^)#]+)\)/g))
      if (!/^https?:/.test(target)) assert.ok(existsSync(join(spec, target)), target);
    const prose = own.replace(/```.*?```/gs, '').split('\n');
    for (const line of prose) assert.ok(line.startsWith('|') || line.length <= 110, line);
    const banned = /\b(whoever|whatever it|anew|goes on|go on|none of ours|so long|behind)\b|\bis none\b/i;
    for (const line of prose) assert.doesNotMatch(line, banned);
  });

test('README.md names every file of the folder, and every transcript', () => {
  const text = readFileSync(join(VECTORS, 'README.md'), 'utf8');
  for (const entry of readdirSync(VECTORS, { withFileTypes: true })) {
    if (entry.name === 'README.md') continue;
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name.endsWith('.bin') ? '*.bin' : entry.name;
    assert.ok(text.includes(`\`${name}`), name);
  }
  for (const name of readdirSync(join(VECTORS, 'transcripts'))) assert.ok(text.includes(`| \`${name.replace('.json', '')}\` |`), name);
});
