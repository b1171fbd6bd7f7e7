// A new epoch after TICKET_INVALID, and a server of a later version of the contract (B10, C5).
import { CloseCodes, type EndReason, Kind } from '@hayate/protocol';
import type { Scenario } from '../scenario.ts';
import { Broadcast } from './broadcast.ts';

/**
 * The old epoch lasts more than twice this long. A client that does not restart its clocks is off
 * by the whole length.
 */
const CLOCK_MS = 1_000;

export const epochScenarios: readonly Scenario[] = [
  {
    name: 'ticket-invalid',
    about: 'the ticket of a returning client is refused with TICKET_INVALID',
    rules: ['B1', 'B2', 'B10', 'B12', 'B13', 'B9'],
    frames: 500,
    async play(stage) {
      const { verdict } = stage;
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin();
      await broadcast.frames(first, 190);
      await broadcast.settle(first);
      first.connection.cut();
      const refused = await stage.acceptReturn(first.connection);
      broadcast.judgeTicket(refused);
      refused.close(CloseCodes.TICKET_INVALID.code);
      const connection = await stage.accept('B10', 'a connection after TICKET_INVALID');
      const answeredMs = performance.now();
      const second = broadcast.answerNew(connection);
      const { frames } = second.ledger;
      await stage.until('B10', 'frame 0 of the new epoch', () => frames.get(0));
      const elapsedMs = performance.now() - answeredMs + CLOCK_MS;
      await broadcast.frames(second, 40);
      const headers = second.headers.slice(0, 20);
      const capturedUs = Math.min(...headers.map(({ captureUs }) => captureUs));
      verdict.check('B10', capturedUs <= elapsedMs * 1000, `capture times of the new epoch begin at ${Math.round(capturedUs / 1000)} ms`);
      const positions = headers.filter(({ kind }) => kind === Kind.AUDIO).map(({ position }) => position);
      const position = Math.min(...positions, Number.MAX_SAFE_INTEGER);
      verdict.check('B10', position <= elapsedMs * 48, `positions of the new epoch begin at ${position}`);
      await broadcast.ends(second);
      broadcast.conclude();
    },
  },
  {
    name: 'unknown-fields',
    about: 'a later server: every message has unknown fields at every depth, and some messages hold only unknown fields',
    rules: ['C5', 'B3', 'B4', 'B7', 'B9', 'I2'],
    frames: 300,
    async play(stage) {
      const broadcast = new Broadcast(stage);
      const first = await broadcast.begin({ odd: true });
      await broadcast.frames(first, 60);
      // Field 999, length-delimited; then a message without any field.
      first.connection.sendBytes(Uint8Array.of(0xba, 0x3e, 2, 0xff, 0xff));
      first.connection.sendBytes(new Uint8Array());
      await broadcast.settle(first);
      stage.verdict.check('C5', first.connection.isOpen, 'the client left');
      const from = first.acked;
      first.resend(from);
      await broadcast.accounts(first, 'B7', Math.max(from, broadcast.ledger.next - 1));
      first.connection.cut();
      const second = await broadcast.resume(first, { odd: true });
      await broadcast.accounts(second);
      // Ends the broadcast with a reason that this contract does not define.
      await stage.until('B9', 'End', () => second.end);
      second.finish(second.ledger.next, 77 as EndReason);
      await stage.until('C5', 'the end of the connection after Ended', () => second.connection.closed);
      await stage.expectExit(0, 'Ended with an unknown reason and close code 1000');
      stage.judgeLines('C5', () => stage.program?.exit?.code === 0, 'Ended with an unknown reason was not taken for the end');
      broadcast.conclude();
    },
  },
];
