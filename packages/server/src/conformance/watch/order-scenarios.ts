// Frames and gaps in all orders in which a server may send them: duplicates, holes, deltas without
// keys, payloads that cannot be read (V3, V4, V5, V11, V12).
import { type EndReason, FrameFlag, GapReason, Kind } from '@hayate/protocol';
import type { ProgramLine } from '../client-program.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { unreadableMotions, unreadablePayloads } from './payload.ts';
import { deltaVectors, keyVectors, unreadableVectors } from './payload-vectors.ts';
import { Viewing } from './viewing.ts';

export const orderScenarios: readonly Scenario[] = [
  {
    name: 'duplicates',
    about: 'every frame is repeated: in the same message, in the next and after a while',
    rules: ['V3'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const { source } = viewing;
      const group = [
        source.header({ sequence: 4 }),
        source.key({ sequence: 7 }),
        source.make(Kind.GAME, Uint8Array.of(1), { sequence: 8, flags: FrameFlag.KEY }),
      ];
      const connection = await viewing.begin({ next: 20 });
      source.next = 20;
      const live = [source.audio(), source.event(), source.key(), source.delta(22), source.header(), source.make(64, Uint8Array.of(1))];
      viewing.send(connection, [...group, ...group]);
      for (const frame of live) viewing.send(connection, [frame, frame]);
      viewing.send(connection, live);
      await viewing.marker(connection, 'V3');
      viewing.send(connection, [...group, ...live].reverse());
      await viewing.marker(connection, 'V3');
      viewing.expectOnce('V3', [...group, ...live]);
      await stage.dismiss();
    },
  },
  {
    name: 'gaps',
    about: 'gaps before frames, with frames, with unknown reasons, and of frames that arrive late',
    rules: ['V3', 'V5', 'C5'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      const header = source.header();
      viewing.send(connection, [header]);
      connection.send({ gaps: [{ first: 1n, last: 3n, reason: GapReason.LOST }] });
      const frames = [source.audio({ sequence: 4 }), source.audio({ sequence: 7 })];
      viewing.send(connection, frames, {
        gaps: [{ first: 5n, last: 6n, reason: GapReason.SLOW }],
        audience: { viewers: 2 },
        pong: { id: 9 },
      });
      connection.send({
        gaps: [
          { first: 8n, last: 9n, reason: 99 as GapReason },
          { first: 10n, last: 10n, reason: GapReason.EXPIRED },
        ],
      });
      const late = [source.event({ sequence: 2 }), source.audio({ sequence: 6 }), source.event({ sequence: 9 })];
      source.next = 11;
      const after = source.audio();
      viewing.send(connection, [after]);
      for (const frame of late) viewing.send(connection, [frame]);
      await viewing.marker(connection, 'V5');
      viewing.expectOnce('V3', [header, ...frames, after]);
      viewing.expectOnce('V5', late);
      expectGaps(stage, 'V5', [
        [1, 3, 'LOST'],
        [5, 6, 'SLOW'],
        [10, 10, 'EXPIRED'],
      ]);
      expectGaps(stage, 'C5', [[8, 9, 'LOST']]);
      await stage.dismiss();
    },
  },
  {
    name: 'one-message',
    about: 'the frames and gaps of one message are not in order: a delta stands before its key, and a gap between two frames',
    rules: ['V4'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      viewing.send(connection, [source.header(), source.audio()]);
      await viewing.marker(connection, 'V4');
      const before = stage.lines.length;
      const key = source.key({ sequence: 4 });
      const frames = [source.delta(4, { sequence: 9 }), source.audio({ sequence: 8 }), source.delta(4, { sequence: 5 }), key];
      viewing.send(connection, frames, {
        gaps: [
          { first: 6n, last: 7n, reason: GapReason.LOST },
          { first: 3n, last: 3n, reason: GapReason.SLOW },
        ],
      });
      source.next = 10;
      await viewing.marker(connection, 'V4');
      viewing.expectOnce('V4', frames);
      const order = stage.lines
        .slice(before)
        .flatMap((line) => (line.event === 'frame' ? [line.sequence] : line.event === 'gap' ? [line.first] : []));
      stage.judgeLines('V4', () => order.join(' ') === '3 4 5 6 8 9 10', `sequences 3 to 10 were reported in the order ${order.join(' ')}`);
      await stage.dismiss();
    },
  },
  {
    name: 'deltas-without-key',
    about: 'deltas whose key is missing, late, of another participant or not a key',
    rules: ['V11', 'V3'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      viewing.send(connection, [source.header()]);
      const homeless = [source.delta(0), source.delta(4), source.delta(4)];
      for (const delta of homeless) viewing.send(connection, [delta]);
      const key = source.key();
      viewing.send(connection, [key]);
      const strays = [source.delta(4, { participant: 1 }), source.delta(3), source.delta(99)];
      for (const delta of strays) viewing.send(connection, [delta]);
      const good = [source.delta(4), source.key({ participant: 1 }), source.delta(9, { participant: 1 }), source.delta(4)];
      for (const frame of good) viewing.send(connection, [frame]);
      await viewing.marker(connection, 'V11');
      viewing.expectNever('V11', [...homeless, ...strays], 'although its key was not there');
      viewing.expectOnce('V3', [key, ...good]);
      await stage.dismiss();
    },
  },
  {
    name: 'payloads',
    about: 'the vectors of MOTION, and random and damaged payloads of MOTION, EVENT, GAME and of kinds 64 to 127',
    rules: ['V12', 'V3'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      const key = source.key();
      viewing.send(connection, [source.header(), key]);
      const unreadable = [...unreadableMotions(), ...payloadsOf(unreadableVectors)].flatMap((payload) => [
        source.make(Kind.MOTION, payload, { flags: FrameFlag.KEY, participant: 2 }),
        source.make(Kind.MOTION, payload, { keySequence: key.sequence }),
      ]);
      for (const frame of unreadable) viewing.send(connection, [frame]);
      const keys = payloadsOf(keyVectors).map((payload) => source.make(Kind.MOTION, payload, { flags: FrameFlag.KEY, participant: 1 }));
      const overKey = { participant: 1, keySequence: keys.at(-1)?.sequence ?? 0 };
      const readable = [...keys, ...payloadsOf(deltaVectors).map((payload) => source.make(Kind.MOTION, payload, overKey))];
      for (const frame of readable) viewing.send(connection, [frame]);
      const payloads = [...unreadablePayloads(), ...Array.from({ length: 60 }, () => stage.random.bytes(stage.random.between(0, 200)))];
      const theirs = [];
      for (const payload of payloads) {
        const others = [Kind.GAME, 64, stage.random.between(65, 126), 127].map((kind) =>
          source.make(kind, payload, { flags: FrameFlag.KEY }),
        );
        const wild = [source.make(Kind.EVENT, payload), source.make(Kind.MOTION, payload, { flags: FrameFlag.KEY, participant: 2 })];
        theirs.push(...others);
        for (const frame of [...others, ...wild]) viewing.send(connection, [frame]);
      }
      const after = [source.delta(key.sequence), source.audio()];
      viewing.send(connection, after);
      await viewing.marker(connection, 'V12');
      stage.verdict.check('V12', connection.isOpen, 'the client left');
      viewing.expectNever('V12', unreadable, 'and its payload cannot be read');
      viewing.expectOnce('V12', [...theirs, ...after]);
      viewing.expectOnce('V3', [key, ...readable]);
      await stage.dismiss();
    },
  },
  {
    name: 'big-message',
    about: 'a message of almost 1 MiB',
    rules: ['V3'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      const frames = Array.from({ length: 16 }, () => source.make(Kind.GAME, new Uint8Array(65_000), { flags: FrameFlag.KEY }));
      viewing.send(connection, [source.header()]);
      viewing.send(connection, frames);
      await viewing.marker(connection, 'V3');
      viewing.expectOnce('V3', frames);
      await stage.dismiss();
    },
  },
  {
    name: 'unknown-fields',
    about:
      'a later server: unknown fields at every depth, messages of only unknown fields, unknown events and reasons, and frames in unusual encodings',
    rules: ['C5', 'V3'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.accept();
      connection.odd = true;
      viewing.watching(connection);
      const { source } = viewing;
      const frames = [
        source.header(),
        source.key(),
        source.oddEvent(),
        source.make(Kind.EVENT, Uint8Array.of(0xba, 0x3e, 1, 7)),
        source.delta(1),
      ];
      const [, , odd] = frames;
      viewing.send(connection, frames);
      // Field 999, length-delimited; then a message without any field.
      connection.sendBytes(Uint8Array.of(0xba, 0x3e, 2, 0xff, 0xff));
      connection.sendBytes(new Uint8Array());
      connection.send({ audience: { viewers: 4_000_000_000 } });
      connection.send({ ended: { epoch: 7n, nextSequence: 0n, reason: 99 as EndReason } });
      await viewing.marker(connection, 'C5');
      stage.verdict.check('C5', connection.isOpen, 'the client left');
      viewing.expectOnce('C5', odd === undefined ? [] : [odd]);
      viewing.expectOnce(
        'V3',
        frames.filter(({ kind }) => kind !== Kind.EVENT),
      );
      await stage.dismiss();
    },
  },
];

function payloadsOf(vectors: Readonly<Record<string, string>>): Uint8Array[] {
  return Object.values(vectors).map((digits) => Uint8Array.from(Buffer.from(digits, 'hex')));
}

/** The program must print a line for each gap, with its first and last sequence and its reason. */
export function expectGaps(
  stage: Stage,
  rule: 'V5' | 'C5',
  gaps: readonly (readonly [first: number, last: number, reason: string])[],
): void {
  for (const [first, last, reason] of gaps) {
    const isIt = (line: ProgramLine) => line.event === 'gap' && line.first === first && line.last === last && line.reason === reason;
    stage.judgeLines(rule, () => stage.lines.some(isIt), `no line reports the gap ${first} to ${last}, ${reason}`);
  }
}
