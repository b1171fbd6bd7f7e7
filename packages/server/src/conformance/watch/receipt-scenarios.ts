// Receipts: how often they are sent, for which frame, and when (V7, V8).
import type { Connection } from '../connection.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { STEP_MS } from '../stage.ts';
import { type TakenReceipt, Viewing } from './viewing.ts';

/**
 * Long enough to distinguish a client that sends receipts only by a timer from one that checks on
 * each message.
 */
const LONG_INTERVAL_MS = 12_000;
/** If a message arrives when a receipt is due, the receipt must follow within this time. */
const PROMPT_MS = 6_000;

export const receiptScenarios: readonly Scenario[] = [
  {
    name: 'receipt-on-message',
    about: 'a receipt is due when a message arrives: one with a frame, then an empty one',
    rules: ['V7', 'V8'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const connection = await viewing.begin({ receiptIntervalMs: LONG_INTERVAL_MS });
      viewing.send(connection, [viewing.source.header()]);
      const first = await receipt(stage, viewing, LONG_INTERVAL_MS + STEP_MS);
      await stage.watchFor(() => connection.closed, untilDue(first.atMs));
      viewing.send(connection, [viewing.source.audio()]);
      const second = await promptly(stage, viewing, 'a message with a frame');
      // A frame before the receipt is due, and an empty message after.
      viewing.send(connection, [viewing.source.audio()]);
      await stage.watchFor(() => connection.closed, untilDue(second.atMs));
      connection.sendBytes(new Uint8Array());
      await promptly(stage, viewing, 'an empty message');
      await stage.dismiss();
    },
  },
  {
    name: 'receipt-interval',
    about: 'frames for 10 s at a server that wants a receipt every 3 s',
    rules: ['V7'],
    async play(stage) {
      const intervalMs = 3_000;
      const viewing = new Viewing(stage);
      const connection = await viewing.begin({ receiptIntervalMs: intervalMs });
      const startedMs = performance.now();
      await stream(stage, viewing, connection, 100);
      const last = await viewing.marker(connection, 'V7');
      await stage.until('V7', `a Receipt for ${last.sequence}`, () => viewing.receipts.at(-1)?.sequence === last.sequence);
      const most = (performance.now() - startedMs) / intervalMs + 3;
      const { length } = viewing.receipts;
      stage.verdict.check('V7', length >= 2, `${length} Receipts arrived in 10 s; one is due every 3 s`);
      stage.verdict.check('V7', length <= most, `${length} Receipts arrived; one every 3 s is requested`);
      await stage.dismiss();
    },
  },
  {
    name: 'receipt-of-what-arrived',
    about: 'receipts while nothing can be played, and frames of another epoch with larger sequences',
    rules: ['V7'],
    async play(stage) {
      const viewing = new Viewing(stage);
      const old = viewing.source;
      const connection = await viewing.begin();
      viewing.send(connection, [old.header(), old.audio()]);
      await viewing.marker(connection, 'V7');
      const source = viewing.newEpoch();
      viewing.watching(connection);
      const stranger = old.make(4, new Uint8Array(), { sequence: 5_000 });
      viewing.send(connection, [source.header(), stranger]);
      await viewing.marker(connection, 'V7');
      const settled = viewing.receipts.length;
      // The client cannot show any of these frames.
      const last = source.delta(7_000);
      viewing.send(connection, [last, stranger]);
      const isIt = ({ epoch, sequence }: TakenReceipt) => epoch === source.epoch && sequence === last.sequence;
      await stage.until('V7', `a Receipt for ${last.sequence}, a delta without its key`, () => viewing.receipts.some(isIt));
      const wrong = viewing.receipts.slice(settled + 1).some(({ epoch }) => epoch !== source.epoch);
      stage.verdict.check('V7', !wrong, 'a Receipt names an epoch that has ended');
      await stage.dismiss();
    },
  },
];

/** Sends a frame every 100 ms, `count` times. */
async function stream(stage: Stage, viewing: Viewing, connection: Connection, count: number): Promise<void> {
  for (let index = 0; index < count && connection.isOpen; index++) {
    viewing.send(connection, [viewing.source.audio()]);
    await stage.watchFor(() => undefined, 100);
  }
}

/** Milliseconds until a receipt is certainly due, if the last one arrived at `atMs`. */
function untilDue(atMs: number): number {
  return atMs + LONG_INTERVAL_MS + 1_000 - performance.now();
}

/** Waits for a Receipt of the largest sequence that was sent. */
function receipt(stage: Stage, viewing: Viewing, timeoutMs: number) {
  const { next } = viewing.source;
  return stage.until('V7', `a Receipt for ${next - 1}`, () => viewing.receipts.find(({ sequence }) => sequence === next - 1), timeoutMs);
}

async function promptly(stage: Stage, viewing: Viewing, occasion: string) {
  const { next } = viewing.source;
  const what = `a Receipt for ${next - 1} on arrival of ${occasion}, since it was due`;
  return stage.until('V8', what, () => viewing.receipts.find(({ sequence }) => sequence === next - 1), PROMPT_MS);
}
