// Deliberate mistakes in the reference client of clients/python: for each the rule that it breaks,
// and the scenarios that show it. A patch replaces a text that occurs once in one file.
import type { RuleId } from '../../../packages/server/src/conformance/rule.ts';
import type { Side } from '../../../packages/server/src/conformance/scenario.ts';

/** One mistake. */
export interface Mistake {
  /** The mistake, as a clause whose subject is the client. */
  readonly what: string;
  readonly side: Side;
  /** The rule by which the kit must find it. */
  readonly rule: RuleId;
  readonly scenario: string;
  /** A file of hayate_client, without its extension. */
  readonly file: 'connection' | 'broadcaster' | 'viewer' | 'conformance';
  readonly search: string;
  readonly replacement: string;
}

type Place = Pick<Mistake, 'side' | 'file'>;
const inConnection = (side: Side): Place => ({ side, file: 'connection' });
const inBroadcaster: Place = { side: 'publish', file: 'broadcaster' };
const inViewer: Place = { side: 'watch', file: 'viewer' };

const mistake = (
  place: Place,
  [what, rule, scenario]: readonly [what: string, rule: RuleId, scenario: string],
  search: string,
  replacement: string,
): Mistake => ({ ...place, what, rule, scenario, search, replacement });

const isPermanent = 'return Closed(frame.code, frame.reason, frame.code not in PERMANENT)';

const connectionMistakes: readonly Mistake[] = [
  mistake(
    inConnection('watch'),
    ['puts the token into the URL', 'C1', 'not-live-first'],
    'f"{client.server}/{client.endpoint}"',
    'f"{client.server}/{client.endpoint}?token={token.text}"',
  ),
  mistake(
    inConnection('watch'),
    ['sends a Ping before its Watch', 'C2', 'not-live-first'],
    'await self.send(client.hello(token.text))',
    'await self.send(ClientMessage(ping=Ping(id=7))); await self.send(client.hello(token.text))',
  ),
  mistake(
    inConnection('watch'),
    ['sends nothing while it has no frames or receipts', 'C3', 'idle'],
    'if now >= self._ping_at:',
    'if False:',
  ),
  mistake(
    inConnection('watch'),
    ['stays on a silent connection', 'C4', 'silent-server'],
    'if self.socket and now - max(',
    'if False and now - max(',
  ),
  mistake(
    inConnection('publish'),
    ['waits for an answer forever', 'C4', 'unanswered'],
    'async with asyncio.timeout(ANSWER_S):',
    'async with asyncio.timeout(3600):',
  ),
  mistake(
    inConnection('publish'),
    ['fails at an unknown reason of Ended', 'C5', 'unknown-fields'],
    'if ended.reason not in EndReason.values()[1:]:',
    'if False:',
  ),
  mistake(
    inConnection('watch'),
    ['treats temporary close codes as permanent', 'C6', 'temporary-codes-2'],
    isPermanent,
    isPermanent.replace('frame.code not in PERMANENT', 'frame.code < 4400'),
  ),
  mistake(
    inConnection('publish'),
    ['waits too short a time before an attempt', 'C6', 'temporary-codes-1'],
    'most = min(10.0, 0.25 * 2 **',
    'most = min(10.0, 0.02 * 2 **',
  ),
  mistake(inConnection('watch'), ['never waits longer', 'C6', 'temporary-codes-1'], 'self._attempt += 1', 'self._attempt += 0'),
  mistake(
    inConnection('publish'),
    ['gives up at HTTP 429', 'C6', 'refused-upgrades-1'],
    'retry = status in (408, 425, 429) or status >= 500',
    'retry = status >= 500',
  ),
  mistake(inConnection('watch'), ['comes back after FORBIDDEN', 'C7', 'permanent-code-4403'], '4400, 4401, 4403,', '4400, 4401,'),
  mistake(inConnection('publish'), ['comes back after SUPERSEDED', 'B11', 'permanent-code-4409'], ' 4409, 4410,', ' 4410,'),
  mistake(inConnection('publish'), ['comes back after close code 1008', 'C8', 'permanent-code-1008'], '1007, 1008, 1009', '1007, 1009'),
  mistake(
    inConnection('watch'),
    ['treats unknown close codes as permanent', 'C8', 'unknown-codes-2'],
    isPermanent,
    isPermanent.replace('frame.code not in PERMANENT', 'frame.code not in PERMANENT and (frame.code < 4000 or frame.code > 4404)'),
  ),
  mistake(inConnection('publish'), ['ignores GoAway', 'C9', 'go-away'], 'if message.HasField("go_away") and', 'if False and'),
  mistake(
    inConnection('watch'),
    ['closes the old connection before the new one is answered', 'C9', 'go-away'],
    'self._links.add(self._dialing)',
    'self._links.add(self._dialing); self._hasty = self.link and asyncio.create_task(self.link.close())',
  ),
  mistake(
    inConnection('publish'),
    ['treats SUPERSEDED as the end while it moves', 'C9', 'go-away-superseded-before'],
    '(self._dialing is not None or not is_used)',
    'not is_used',
  ),
  mistake(
    { side: 'watch', file: 'conformance' },
    ['prints lines that are not JSON', 'I1', 'gaps'],
    'print(json.dumps(line), flush=True)',
    'print(line, flush=True)',
  ),
  mistake(
    { side: 'watch', file: 'conformance' },
    ['ends with status 0 after a permanent close', 'I2', 'permanent-code-4401'],
    'return 1',
    'return 0',
  ),
];

const inOrder = 'deque(n for n in self._kept if n >= start and n not in new)';
const beginning = 'self.epoch, self.next_sequence, self._started_at = published.epoch, 0, time.monotonic()';

const publishMistakes: readonly Mistake[] = [
  mistake(
    inBroadcaster,
    ['names another stream', 'B1', 'begin-and-end'],
    'stream=self.stream, epoch=',
    'stream=self.stream.upper(), epoch=',
  ),
  mistake(inBroadcaster, ['begins at sequence 1', 'B2', 'begin-and-end'], beginning, beginning.replace(', 0,', ', 1,')),
  mistake(
    inBroadcaster,
    ['begins without a HEADER', 'B2', 'begin-and-end'],
    '            self._send_header()\n            self._ending = ending',
    '            self._ending = ending',
  ),
  mistake(
    inBroadcaster,
    ['resends a frame with different bytes', 'B2', 'resend'],
    'frames.append((sequence, kept.data))',
    'frames.append((sequence, kept.data + (b"\\x80\\x01\\x01" if queue is self._backlog else b"")))',
  ),
  mistake(
    inBroadcaster,
    ['forgets frames at an Ack without a ticket', 'B3', 'bare-acks'],
    'while ticket and self._kept and',
    'while self._kept and',
  ),
  mistake(
    inBroadcaster,
    ['resumes with its first ticket', 'B3', 'server-forgets'],
    'self._ticket = ticket or self._ticket',
    'self._ticket = self._ticket or ticket',
  ),
  mistake(
    inBroadcaster,
    ['keeps frames for a second', 'B3', 'resend'],
    'oldest = time.monotonic() - HELD_S',
    'oldest = time.monotonic() - 1',
  ),
  mistake(inBroadcaster, ['sends nothing again after a return', 'B4', 'cut-and-resume'], inOrder, 'deque[int]()'),
  mistake(
    inBroadcaster,
    ['does not declare frames that it no longer holds', 'B4', 'server-forgets'],
    'self._declare = [n for n in range(start, self.next_sequence) if n not in self._kept]',
    'self._declare = []',
  ),
  mistake(
    inBroadcaster,
    ['drops its HEADER after half a second', 'B8', 'server-knows-more'],
    'kept.made_at < oldest and kept.kind in _DROPPABLE]',
    'kept.made_at < time.monotonic() - 0.5]',
  ),
  mistake(
    inBroadcaster,
    ['sends frames again, the newest first', 'B5', 'resend'],
    inOrder,
    'deque([n for n in self._kept if n >= start and n not in new][::-1])',
  ),
  mistake(
    inBroadcaster,
    ['lets new frames wait for old ones', 'B5', 'in-flight-bound'],
    'frames = self._frames(self._new, NEW_BYTES, NEW_AHEAD_S)',
    'frames = [] if self._backlog else self._frames(self._new, NEW_BYTES, NEW_AHEAD_S)',
  ),
  mistake(
    inBroadcaster,
    ['sends all frames again at once', 'B6', 'in-flight-bound'],
    'sum(size for _, size in self._in_flight) < IN_FLIGHT_BYTES',
    'True',
  ),
  mistake(
    inBroadcaster,
    ['exceeds the rates of the server', 'B6', 'limited-frame-rate'],
    'amount / (0.9 * rates[at])',
    'amount / (90 * rates[at])',
  ),
  mistake(inBroadcaster, ['ignores Resend', 'B7', 'resend'], 'if message.HasField("resend"):', 'if False:'),
  mistake(
    inBroadcaster,
    ['does not send End again', 'B9', 'end-lost'],
    '        self._in_flight.clear()\n        self._end_sent = False',
    '        self._in_flight.clear()',
  ),
  mistake(
    inBroadcaster,
    ['sends End with its last sequence', 'B9', 'begin-and-end'],
    'End(next_sequence=self.next_sequence)',
    'End(next_sequence=self.next_sequence - 1)',
  ),
  mistake(
    inBroadcaster,
    ['gives up at TICKET_INVALID', 'B10', 'ticket-invalid'],
    'return code == TICKET_INVALID and has_ticket',
    'return False',
  ),
  mistake(
    inBroadcaster,
    ['continues its clock in a new epoch', 'B10', 'ticket-invalid'],
    beginning,
    beginning.replace('time.monotonic()', 'self._started_at or time.monotonic()'),
  ),
  mistake(
    inBroadcaster,
    ['sends a key every three seconds', 'B12', 'begin-and-end'],
    '< 1000 * (self._header.motion.key_interval_ms or 1000)',
    '< 3000 * (self._header.motion.key_interval_ms or 1000)',
  ),
  mistake(
    inBroadcaster,
    ['names a frame that is not a key in deltas', 'B12', 'begin-and-end'],
    'key_sequence=key.sequence)',
    'key_sequence=key.sequence - 1)',
  ),
  mistake(
    inBroadcaster,
    ['does not count the samples of its voice', 'B13', 'begin-and-end'],
    'position + (samples if sequence is not None else 0)',
    'position',
  ),
];

const watchMistakes: readonly Mistake[] = [
  mistake(inViewer, ['believes at once that the stream is over', 'V1', 'return-not-live-yet'], 'BELIEVE_S = 2.0', 'BELIEVE_S = 0.0'),
  mistake(inViewer, ['takes frames of any epoch', 'V2', 'new-epoch'], 'if frame.epoch == self.epoch:', 'if frame.epoch:'),
  mistake(
    inViewer,
    ['keeps the keys of the old epoch', 'V2', 'return-other-epoch'],
    'list[tuple[int, QuantisedPose | None]]] = {}',
    'list[tuple[int, QuantisedPose | None]]] = getattr(self, "_keys", {})',
  ),
  mistake(
    inViewer,
    ['gives duplicates', 'V3', 'duplicates'],
    'self.counts["duplicate"] += 1\n            return',
    'self.counts["duplicate"] += 1',
  ),
  mistake(
    inViewer,
    ['repeats events after a return', 'V3', 'return-within'],
    'self.counts["duplicate"] += 1\n            return',
    'self.counts["duplicate"] += 1\n            if frame.kind != KIND_EVENT:\n                return',
  ),
  mistake(
    inViewer,
    ['takes a message in the order of its fields', 'V4', 'one-message'],
    'sorted(items, key=lambda entry: entry[0])',
    'items',
  ),
  mistake(
    inViewer,
    ['fails at an unknown reason of a gap', 'V5', 'gaps'],
    'known = reason if GAP_REASON_LOST <= reason <= GAP_REASON_EXPIRED else GAP_REASON_LOST',
    'known = reason',
  ),
  mistake(inViewer, ['treats frames named by a gap as lost forever', 'V5', 'gaps'], 'elif self._came_late(sequence):', 'elif False:'),
  mistake(inViewer, ['drops the current group', 'V6', 'late-join-group-after'], 'elif sequence < self._joined and', 'elif False and'),
  mistake(
    inViewer,
    ['lets an older key replace a newer one', 'V6', 'late-join-group-after'],
    'sorted([*keys, (frame.sequence, pose)], key=lambda key: key[0])[-2:]',
    '[*keys, (frame.sequence, pose)][-1:]',
  ),
  mistake(
    inViewer,
    ['ignores the interval of receipts', 'V7', 'receipt-interval'],
    'self._receipt_s = (watching.receipt_interval_ms or 500) / 1000',
    'self._receipt_s = 0.1',
  ),
  mistake(
    inViewer,
    ['reports the frames that it shows instead of those that arrived', 'V7', 'receipt-of-what-arrived'],
    'self._has_news, self._largest = True, max(sequence, self._largest or 0)',
    'self._has_news, self._largest = True, max(sequence if frame.kind != KIND_MOTION else 0, self._largest or 0)',
  ),
  mistake(
    inViewer,
    ['checks for due receipts only on a timer', 'V8', 'receipt-on-message'],
    'if link and self._has_news and self._largest is not None and now - self._receipt_at >= self._receipt_s:',
    'due = now - self._receipt_at >= self._receipt_s\n        self._receipt_at = now if due else self._receipt_at\n        if due and link and self._has_news and self._largest is not None:',
  ),
  mistake(
    inViewer,
    ['names the largest sequence where the next is due', 'V9', 'return-within'],
    'self.epoch, self._largest + 1',
    'self.epoch, self._largest',
  ),
  mistake(
    inViewer,
    ['leaves after Ended', 'V10', 'ended-finished'],
    'self._is_over = True\n            self.on_event(with_known_reason',
    'self._is_over = self.over = True\n            self.on_event(with_known_reason',
  ),
  mistake(inViewer, ['applies a delta without a key', 'V11', 'deltas-without-key'], 'if not is_key and all(', 'if False and all('),
  mistake(
    inViewer,
    ["applies a delta to another participant's key", 'V11', 'deltas-without-key'],
    'self._keys.setdefault((frame.participant, frame.kind), [])',
    'self._keys.setdefault((0, frame.kind), [])',
  ),
  mistake(inViewer, ['fails at a payload', 'V12', 'payloads'], 'except (DecodeError, MotionError):', 'except KeyError:'),
];

/** All of them. */
export const mistakes: readonly Mistake[] = [...connectionMistakes, ...publishMistakes, ...watchMistakes];
