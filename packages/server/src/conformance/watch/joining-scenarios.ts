// How a visit begins: streams that are not live yet, streams that have been live for a while, and
// the epochs that follow (V1, V2, V6, V10).
import { EndReason, epochText } from '@hayate/protocol';
import type { Connection } from '../connection.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { MadeFrame } from './frame-source.ts';
import { Viewing } from './viewing.ts';

export const joiningScenarios: readonly Scenario[] = [
  {
    name: 'idle',
    about: 'a stream that is not live for 20 s, from a server that only answers pings',
    rules: ['C1', 'C2', 'C3', 'V1', 'I2'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.accept();
      viewing.notLive(connection);
      await stage.told('V1', 'watching null', isNotLive);
      await stage.watchFor(() => connection.closed, 20_000);
      stage.verdict.check('V1', connection.isOpen, 'the client left a stream that is not live');
      stage.verdict.check(
        'C3',
        connection.quietMs < 16_000,
        `nothing arrived from the client for ${Math.round(connection.quietMs / 1000)} s`,
      );
      if (connection.pings === 0) stage.verdict.advise('C3', 'no Ping arrived: the client does not measure the clock');
      await stage.dismiss();
    },
  },
  {
    name: 'not-live-first',
    about: 'Watching with epoch 0, and a moment later with an epoch',
    rules: ['C1', 'C2', 'V1', 'V3', 'V7', 'I1', 'I2'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.accept();
      viewing.notLive(connection);
      await stage.told('V1', 'watching null', isNotLive);
      const { source } = viewing;
      viewing.watching(connection);
      const frames = [source.header(), source.audio(), source.key(), source.delta(2), source.event()];
      for (const frame of frames) viewing.send(connection, [frame]);
      const marker = await viewing.marker(connection, 'V1');
      await stage.line(
        'watching, with epoch and next sequence',
        (line) => line.epoch === epochText(source.epoch) && line.nextSequence === 0,
      );
      viewing.expectOnce('V3', frames);
      await stage.until('V7', `a Receipt for ${marker.sequence}`, () => viewing.receipts.at(-1)?.sequence === marker.sequence);
      await stage.dismiss();
    },
  },
  {
    name: 'late-join-group-first',
    about: 'the current group arrives before the first live frame, with holes',
    rules: ['V3', 'V6'],
    async play(stage) {
      const { viewing, connection, group } = await joinLate(stage);
      const { source } = viewing;
      for (const frame of group) viewing.send(connection, [frame]);
      const live = [source.audio(), source.delta(100), source.delta(110, { participant: 1 }), source.event()];
      viewing.send(connection, live);
      await viewing.marker(connection, 'V6');
      viewing.expectOnce('V6', group);
      viewing.expectOnce('V3', live);
      stage.judgeLines('V6', () => !hasGap(stage), 'a gap was reported, although all holes are in the current group');
      await stage.dismiss();
    },
  },
  {
    name: 'late-join-group-after',
    about: 'the current group arrives after the first live frames, which include a newer HEADER and a newer key',
    rules: ['V3', 'V6'],
    async play(stage) {
      const { viewing, connection, group } = await joinLate(stage);
      const { source } = viewing;
      const header = source.header({ title: 'newer' });
      const key = source.key();
      const live = [source.audio(), header, key, source.delta(key.sequence)];
      viewing.send(connection, live);
      viewing.send(connection, group);
      viewing.send(connection, [source.key({ sequence: 40 })]);
      await viewing.marker(connection, 'V6');
      // HEADER and key of participant 0 are older than the live ones. The client may deliver them,
      // but they must not replace the newer ones.
      viewing.expectOnce(
        'V6',
        group.filter(({ participant }) => participant > 0),
      );
      const after = [source.delta(key.sequence), source.delta(110, { participant: 1 })];
      viewing.send(connection, after);
      await viewing.marker(connection, 'V6');
      viewing.expectOnce('V6', after);
      viewing.expectOnce('V3', live);
      stage.judgeLines('V6', () => !hasGap(stage), 'a gap was reported, although all holes are in the current group');
      await stage.dismiss();
    },
  },
  {
    name: 'new-epoch',
    about: 'another epoch begins while the client is connected, and frames of the old one follow',
    rules: ['V2', 'V11'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const old = viewing.source;
      viewing.send(connection, [old.header(), old.key(), old.delta(1), old.audio()]);
      await viewing.marker(connection, 'V2');
      const source = viewing.newEpoch();
      viewing.watching(connection);
      const late = [old.event(), old.audio(), old.key()];
      viewing.send(connection, late);
      // The old epoch had a key with this sequence. In the new epoch, the sequence belongs to a
      // HEADER.
      const stray = source.delta(1, { sequence: 2 });
      const fresh = [source.header({ sequence: 0 }), source.audio({ sequence: 1 })];
      viewing.send(connection, [...fresh, stray]);
      const more = [source.key(), source.delta(3)];
      viewing.send(connection, more);
      viewing.send(connection, [old.event()]);
      await viewing.marker(connection, 'V2');
      viewing.expectOnce('V2', [...fresh, ...more]);
      viewing.expectNever('V2', late, 'although another epoch had begun');
      viewing.expectNever('V11', [stray], 'although its key was of the old epoch');
      await stage.dismiss();
    },
  },
  {
    name: 'ended-finished',
    about: 'Ended FINISHED, and a while later another epoch',
    rules: ['V2', 'V10'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      viewing.send(connection, [viewing.source.header()]);
      await viewing.marker(connection, 'V10');
      await end(stage, viewing, connection, EndReason.FINISHED);
      const source = viewing.newEpoch();
      viewing.watching(connection);
      const frames = [source.header(), source.key(), source.delta(1)];
      viewing.send(connection, frames);
      await viewing.marker(connection, 'V10');
      viewing.expectOnce('V2', frames);
      await stage.dismiss();
    },
  },
  {
    name: 'ended-lost',
    about: 'Ended LOST, and a while later the same epoch continues',
    rules: ['V3', 'V10'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin();
      const { source } = viewing;
      const before = [source.header(), source.key(), source.event()];
      viewing.send(connection, before);
      await viewing.marker(connection, 'V10');
      await end(stage, viewing, connection, EndReason.LOST);
      viewing.watching(connection);
      const after = [source.delta(1), source.audio(), source.event()];
      viewing.send(connection, [...before, ...after]);
      await viewing.marker(connection, 'V10');
      viewing.expectOnce('V10', after);
      viewing.expectOnce('V3', before);
      await stage.dismiss();
    },
  },
];

/** The line about a stream that is not live. */
export function isNotLive(line: { readonly event: string; readonly epoch?: unknown }): boolean {
  return line.event === 'watching' && line.epoch === null;
}

function hasGap(stage: Stage): boolean {
  return stage.lines.some(({ event }) => event === 'gap');
}

/**
 * A client that joins at sequence 120, and the current group: HEADER 50, and keys and deltas of
 * participants 0 and 1.
 */
async function joinLate(stage: Stage): Promise<{ viewing: Viewing; connection: Connection; group: MadeFrame[] }> {
  const viewing = new Viewing(stage);
  const { source } = viewing;
  const group = [
    source.header({ sequence: 50 }),
    source.key({ sequence: 100 }),
    source.key({ sequence: 110, participant: 1 }),
    source.delta(110, { sequence: 118, participant: 1 }),
    source.delta(100, { sequence: 119 }),
  ];
  return { viewing, connection: await viewing.begin(), group };
}

async function end(stage: Stage, { source }: Viewing, connection: Connection, reason: EndReason): Promise<void> {
  connection.send({ ended: { epoch: source.epoch, nextSequence: BigInt(source.next), reason } });
  const name = reason === EndReason.LOST ? 'LOST' : 'FINISHED';
  await stage.told('V10', `ended ${name}`, (line) => line.event === 'ended' && line.reason === name);
  // A client that leaves may give the server some time to close first.
  await stage.watchFor(() => connection.closed, 4_000);
  stage.verdict.check('V10', connection.isOpen, `the client left after Ended ${name}`);
}
