// spec/wire.md and spec/behaviour.md match the code: their tables are the code's lists, their
// example is a vector, and their links resolve.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  Bones,
  ClientMessageSchema,
  CloseCodes,
  EndReasonSchema,
  FrameSchema,
  GapReasonSchema,
  isDroppable,
  KindSchema,
  Limits,
  PATHS,
  ServerMessageSchema,
  Shapes,
  SUBPROTOCOL,
  Timing,
} from '@hayate/protocol';
import { Channels } from '../../packages/server/src/shard/shard.ts';
import { tableRows } from './markdown-table.ts';

const spec = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'spec');
const text = ['wire.md', 'behaviour.md'].map((file) => readFileSync(join(spec, file), 'utf8')).join('\n');

const table = (header: string): string[][] => tableRows(text, header);
const column = (header: string, index = 0) => table(header).map((row) => row[index] ?? '');
const names = (values: readonly { readonly localName: string; readonly number: number }[]) =>
  values.filter(({ number }) => number !== 0).map(({ localName }) => localName);

test('the close codes are those of close-code.ts, each with what a client does', () => {
  const rows = table('code | name');
  assert.deepEqual(
    rows.map((row) => row.slice(0, 4)),
    Object.entries(CloseCodes).map(([name, { code, temporary, meaning }]) => [String(code), name, temporary ? 'yes' : 'no', meaning]),
  );
  for (const [code, , temporary, , action] of rows) {
    assert.ok(action, `${code} does not say what a client does`);
    if (temporary === 'yes') assert.match(action, /reconnect/, `${code} is temporary`);
    else assert.doesNotMatch(action, /reconnect/, `${code} is not temporary`);
  }
});

test('the bones and shapes are those of the code, with their indexes', () => {
  const indexed = (list: readonly string[]) => list.map((name, index) => [String(index), name]);
  assert.deepEqual(table('index | bone'), indexed(Bones));
  assert.deepEqual(table('index | shape'), indexed(Shapes));
});

test('the limits are those of limits.ts', () => {
  assert.deepEqual(
    table('limit | value').map(([name, value]) => [name, Number(value)]),
    Object.entries(Limits),
  );
});

test('the times are those of timing.ts', () => {
  assert.deepEqual(
    table('time | value').map(([name, value]) => [name, Number(value)]),
    Object.entries(Timing),
  );
});

/** Numbers in the prose, and their values in the code. A group of the pattern is the number. */
const prose: readonly [RegExp, number][] = [
  [/four more at intervals of (\d+) ms/, Timing.firstPingIntervalMs],
  [/nothing has come for (\d+) s while a `Ping`/, Timing.silenceMaxMs / 1_000],
  [/not answered within (\d+) s/, Timing.answerTimeoutMs / 1_000],
  [/min\((\d+) s, 250 ms × 2\^k\)/, Timing.reconnectLastMs / 1_000],
  [/min\(10 s, (\d+) ms × 2\^k\)/, Timing.reconnectFirstMs],
  [/live for (\d+) s resets k/, Timing.settledMs / 1_000],
  [/min\((\d+) s, `close_after_ms` \/ 2\)/, Timing.successorSpreadMs / 1_000],
  [/A server that closes waits (\d+) s/, Timing.closeGraceMs / 1_000],
  [/token bucket that holds (\d+) s worth/, Timing.rateBurstMs / 1_000],
  [/holds (\d+) s of frames at most/, Timing.unacknowledgedMs / 1_000],
  [/opaque and valid for (\d+) h/, Timing.ticketValidMs / 3_600_000],
  [/should wait (\d+) s before it shows/, Timing.absenceMs / 1_000],
  [/not more than once in (\d+) s for that alone/, Timing.headerIntervalMs / 1_000],
  [/dropped range may be at most ([\d,]+) beyond/, Limits.sequenceJumpMax],
  [/while (\d+) KiB or more of resent frames/, Limits.resendBytesMax / 1_024],
  [/at least every (\d+) ms, and name the same participant/, Limits.keyIntervalMsMax],
  [/those besides participant 0, at most (\d+)/, Limits.participantsMax - 1],
  [/`participant` is at most (\d+)/, Limits.participantsMax - 1],
  [/A token is at most ([\d,]+) characters/, Limits.tokenCharactersMax],
  [/A frame is the unit of everything; it is at most ([\d,]+) bytes/, Limits.frameBytesMax],
  [/receipt_interval_ms (\d+)\}/, Limits.receiptIntervalMs],
];

test('numbers in sentences equal those of the code', () => {
  const sentences = text.replaceAll(/\s+/g, ' ');
  for (const [pattern, value] of prose) {
    const found = pattern.exec(sentences)?.[1];
    assert.equal(Number(found?.replaceAll(',', '')), value, `${pattern}`);
  }
});

test('the frame’s fields and kinds are those of frame.proto, and the kinds that may be lost are those that servers drop', () => {
  assert.deepEqual(
    table('field | number').map(([name, number]) => [name, Number(number)]),
    FrameSchema.fields.map(({ name, number }) => [name, number]),
  );
  const kinds = table('kind | number').filter(([name]) => name !== "users' own");
  assert.deepEqual(
    kinds.map(([name, number, , lossy]) => [name, Number(number), lossy === 'yes']),
    KindSchema.values.filter(({ number }) => number !== 0).map(({ localName, number }) => [localName, number, isDroppable(number)]),
  );
});

test('the messages’ fields and reasons are those of message.proto', () => {
  const fields = (schema: typeof ClientMessageSchema | typeof ServerMessageSchema) => schema.fields.map(({ name }) => name).sort();
  assert.deepEqual(column('ClientMessage').sort(), fields(ClientMessageSchema));
  assert.deepEqual(column('ServerMessage').sort(), fields(ServerMessageSchema));
  assert.deepEqual(column('GapReason'), names(GapReasonSchema.values));
  assert.deepEqual(column('EndReason'), names(EndReasonSchema.values));
});

test('paths, subprotocol and channels are those of the code', () => {
  assert.deepEqual(column('endpoint'), Object.values(PATHS));
  assert.ok(text.includes(`\`${SUBPROTOCOL}\``));
  const channels = [
    Channels.live('<stream>'),
    Channels.repair(1n).replace('0000000000000001', '<incarnation>'),
    Channels.reply(1n).replace('0000000000000001', '<incarnation>'),
    Channels.control,
    Channels.directory,
  ];
  assert.deepEqual(column('channel'), channels);
});

test('the example equals the vector that it names', () => {
  const [, block] = /frame-audio\.bin\).*?```\n(.*?)```/s.exec(text) ?? [];
  assert.ok(block);
  const bytes = block.split('\n').map((line) => /^ *((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2,}|$)/.exec(line)?.[1] ?? '');
  assert.equal(bytes.join('').replaceAll(' ', ''), readFileSync(join(spec, 'vectors', 'frame-audio.bin')).toString('hex'));
});

test('links lead to existing files', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target ?? '').filter((target) => !/^https?:/.test(target));
  assert.ok(links.length > 3);
  // archive.md is the archive's own page and has its own tests.
  for (const target of links) if (target !== 'archive.md') assert.ok(existsSync(join(spec, target)), target);
});
