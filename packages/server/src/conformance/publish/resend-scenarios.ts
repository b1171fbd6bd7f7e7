// A server that could not store frames, and servers with low limits: Resend, and how much a client
// resends at once (B6, B7).
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Broadcast } from './broadcast.ts';
import type { PublishSession } from './publish-session.ts';
import { RateBucket } from './rate-bucket.ts';

/** The bound of B6, plus the last message, which may begin just below the bound. */
const IN_FLIGHT_BYTES_MAX = 65_536 + 8_192;

export const resendScenarios: readonly Scenario[] = [
  {
    name: 'in-flight-bound',
    about: 'Resend of more than 64 KiB, without any acknowledgement for a while',
    rules: ['B5', 'B6', 'B7', 'B9'],
    frames: 2_600,
    longName: true,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const session = await broadcast.begin({ ack: 'never' });
      await stage.until('B5', '90 KiB of frames', () => broadcast.ledger.bytes > 92_160, 60_000);
      const last = broadcast.ledger.next - 1;
      const before = { count: session.count, resentBytes: session.resentBytes };
      session.resend(0);
      const inFlight = () => session.resentBytes - before.resentBytes;
      await stage.watchFor(() => inFlight() > IN_FLIGHT_BYTES_MAX, 10_000);
      stage.verdict.check(
        'B6',
        inFlight() <= IN_FLIGHT_BYTES_MAX,
        `${inFlight()} bytes were sent again without an Ack, at most 65536 may be`,
      );
      const newFrames = session.headers.slice(before.count).filter(({ sequence }) => sequence > last).length;
      stage.verdict.check('B5', newFrames > 50, `${newFrames} new frames arrived in 10 s while old ones waited`);
      session.ack = 'tickets';
      await broadcast.accounts(session, 'B7', last);
      await broadcast.ends(session, 60_000);
      broadcast.conclude();
    },
  },
  limited('frame-rate', { framesPerSecondMax: 100, bitsPerSecondMax: 10_000_000 }),
  limited('bit-rate', { framesPerSecondMax: 10_000, bitsPerSecondMax: 64_000 }),
  {
    name: 'resend',
    about: 'Resend in mid-stream',
    rules: ['B2', 'B3', 'B5', 'B7', 'B9'],
    frames: 400,
    async play(stage) {
      const { broadcast, session, from } = await untilUnstored(stage);
      const last = broadcast.ledger.next - 1;
      session.resend(from);
      session.ack = 'tickets';
      await broadcast.accounts(session, 'B7', last);
      await broadcast.ends(session);
      broadcast.conclude();
    },
  },
  {
    name: 'resend-twice',
    about: 'a second and a third Resend during the first, together with an Ack, an Audience and an unsolicited Pong',
    rules: ['B2', 'B3', 'B5', 'B7', 'B9', 'C5'],
    frames: 400,
    async play(stage) {
      const { broadcast, session, from } = await untilUnstored(stage);
      const last = broadcast.ledger.next - 1;
      session.resend(from + 20);
      session.resend(from + 5);
      session.resend(from, {
        pong: { id: 4_000_000_000, serverUnixUs: 1n },
        ack: { nextSequence: BigInt(from) },
        audience: { viewers: 3 },
      });
      await broadcast.accounts(session, 'B7', last);
      session.ack = 'tickets';
      stage.verdict.check('C5', session.connection.isOpen, 'the client left');
      await broadcast.ends(session);
      broadcast.conclude();
    },
  },
  {
    name: 'no-acks',
    about: 'no Ack for 40 s: the client drops what is older than 30 s, and declares it',
    rules: ['B8', 'B9'],
    frames: 3_000,
    slow: true,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const session = await broadcast.begin({ ack: 'never' });
      const { declared, frames } = broadcast.ledger;
      await stage.until('B8', 'declared ranges after more than 30 s', () => declared.size > 100, 60_000);
      const kinds = new Set(
        declared.ranges.flatMap(({ first, last }) => sequences(first, last).map((sequence) => frames.get(sequence)?.header.kind)),
      );
      if (kinds.has(4)) stage.verdict.advise('B8', 'an EVENT was declared dropped');
      session.ack = 'tickets';
      await broadcast.ends(session, 60_000);
      broadcast.conclude();
    },
  },
];

function sequences(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** A broadcast whose server has not stored the frames from `from` on. */
async function untilUnstored(stage: Stage): Promise<{ broadcast: Broadcast; session: PublishSession; from: number }> {
  const broadcast = new Broadcast(stage);
  const session = await broadcast.begin();
  await broadcast.frames(session, 40);
  await broadcast.settle(session);
  session.ack = 'never';
  const from = session.acked;
  await broadcast.frames(session, from + 100);
  return { broadcast, session, from };
}

function limited(name: string, rates: { framesPerSecondMax: number; bitsPerSecondMax: number }): Scenario {
  return {
    name: `limited-${name}`,
    about: `Resend after Resend at a server that accepts ${rates.framesPerSecondMax} frames and ${rates.bitsPerSecondMax} bits a second`,
    rules: ['B6', 'B7'],
    frames: 5_000,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const limits = { frameBytesMax: 4_096, ...rates };
      const bucket = new RateBucket(rates);
      const session = await broadcast.begin({ ack: 'never', limits });
      session.onFrame = (bytes) => {
        stage.verdict.check('B6', bytes <= limits.frameBytesMax, `a frame has ${bytes} bytes, at most ${limits.frameBytesMax} are allowed`);
        const excess = bucket.take(bytes);
        if (excess !== undefined) stage.verdict.fail('B6', excess);
      };
      await broadcast.frames(session, 150);
      // A client that ignores the limit when it resends exceeds it by the third Resend. A client
      // that keeps to it takes longer.
      const deadlineMs = performance.now() + 15_000;
      for (let times = 0; times < 12 && performance.now() < deadlineMs && !stage.verdict.failed; times++) {
        const last = broadcast.ledger.next - 1;
        session.resend(0);
        await stage.watchFor(() => session.accountsUpTo(last) || stage.verdict.failed, Math.max(0, deadlineMs - performance.now()));
      }
      session.acknowledge(broadcast.ledger.next, { ticket: true });
      stage.verdict.pass('B6');
      stage.verdict.check('B7', session.resentBytes > 0, 'nothing was sent again');
      await stage.dismiss();
    },
  };
}
