// The rules by which the kit judges a client: those of spec/behaviour.md, word for word, and two
// about programs that the kit starts. A test compares this table with the page.

/** One rule. */
export interface Rule {
  /** The duty of a client, in the words of the page. */
  readonly sentence: string;
  /** The page and its section. */
  readonly section: string;
  /** Why no scenario can check the rule; absent if at least one does. */
  readonly unobservable?: string;
}

export const rules = {
  C1: {
    sentence: 'a client must offer the subprotocol `hayate.v1`, send binary messages only, and put no token or name into the URL',
    section: 'behaviour.md#connecting',
  },
  C2: {
    sentence:
      'a client must send `Publish` or `Watch` as its first message, and should send it as soon as the socket is open; it need not wait for the answer before it sends more',
    section: 'behaviour.md#connecting',
  },
  C3: {
    sentence:
      'a client should send a `Ping` right after the answer, four more at intervals of 100 ms, and then one every second; it must send something at least every 15 s',
    section: 'behaviour.md#connecting',
  },
  C4: {
    sentence:
      'a client should give up a connection on which nothing has come for 8 s while a `Ping` has waited for an answer all that time, or whose first message is not answered within 10 s; it then reconnects',
    section: 'behaviour.md#connecting',
  },
  C5: {
    sentence: 'a client must ignore what it does not know in a `ServerMessage`: unknown fields, unknown events, unknown reasons',
    section: 'behaviour.md#connecting',
  },
  C6: {
    sentence:
      'a client must reconnect by itself after a close code that is temporary, a lost connection or a refused upgrade with status 408, 425, 429 or 5xx, after the waits below',
    section: 'behaviour.md#connecting',
  },
  C7: {
    sentence: 'a client must not reconnect by itself after a close code that is not temporary; TICKET_INVALID is the one exception (B10)',
    section: 'behaviour.md#connecting',
  },
  C8: {
    sentence:
      'a client must treat close codes 1002, 1003, 1007, 1008, 1009 and 1010 as permanent, and every other code that this contract does not name as temporary',
    section: 'behaviour.md#connecting',
  },
  C9: {
    sentence:
      'a client must, on `GoAway`, open a new connection while the old one continues, use the new one from its answer on, and then close the old one with 1000',
    section: 'behaviour.md#connecting',
  },
  C10: {
    sentence:
      'a client must fetch a fresh token for each connection that the present one would not outlast, and send a new one in-band before it runs out',
    section: 'behaviour.md#connecting',
    unobservable: 'a program gets one token, which outlasts every scenario',
  },
  B1: { sentence: 'a broadcaster must name the stream and epoch of `Published` in every frame', section: 'behaviour.md#publishing' },
  B2: {
    sentence:
      'a broadcaster must begin an epoch with a HEADER as sequence 0, and count on from there without a hole: each sequence is one frame, with the same bytes when it is sent again',
    section: 'behaviour.md#publishing',
  },
  B3: {
    sentence: 'a broadcaster must keep every frame until a ticket vouches for it, and send the newest ticket when it resumes',
    section: 'behaviour.md#publishing',
  },
  B4: {
    sentence:
      'a broadcaster must, after a resume, account for every sequence from `Published.next_sequence` to the newest that it has used: send the frame, or declare it dropped, on this connection',
    section: 'behaviour.md#publishing',
  },
  B5: {
    sentence:
      'a broadcaster must send new frames at once and in ascending order, and frames again in ascending order among themselves, so that a new frame never waits for an old one',
    section: 'behaviour.md#publishing',
  },
  B6: {
    sentence:
      'a broadcaster must send no frame again while 64 KiB or more of resent frames are unacknowledged, and stay within `Published.limits` with new and resent frames together',
    section: 'behaviour.md#publishing',
  },
  B7: {
    sentence:
      'a broadcaster must, on `Resend{from_sequence: n}`, send every frame from n on again, or declare it dropped; this replaces a resend in progress',
    section: 'behaviour.md#publishing',
  },
  B8: {
    sentence:
      'a broadcaster must declare a frame that it will never send; it should not drop events and must not drop a HEADER that nothing replaces',
    section: 'behaviour.md#publishing',
  },
  B9: {
    sentence:
      'a broadcaster must send `End` after all its frames with the next sequence of the epoch, and again on each connection on which it resumes, until `Ended` or close code 1000 comes',
    section: 'behaviour.md#publishing',
  },
  B10: {
    sentence:
      'a broadcaster must, on TICKET_INVALID, begin a new epoch: `Publish` without a ticket, sequences, capture times and positions from 0',
    section: 'behaviour.md#publishing',
  },
  B11: {
    sentence: 'a broadcaster must not come back after SUPERSEDED, STREAM_ENDED or `Ended`, and forgets its ticket',
    section: 'behaviour.md#publishing',
  },
  B12: {
    sentence:
      "a broadcaster must send a key of each participant's MOTION at least every 1000 ms, and name the same participant's key in a delta",
    section: 'behaviour.md#publishing',
  },
  B13: {
    sentence: "a broadcaster must let each participant's AUDIO positions ascend: a frame begins at or after the end of the one before",
    section: 'behaviour.md#publishing',
  },
  V1: {
    sentence:
      'a viewer must take `Watching` with epoch 0 for "not live, or not known yet" and stay: another `Watching` comes when there is an epoch; a returning viewer should wait 2 s before it shows that the stream is over',
    section: 'behaviour.md#watching',
  },
  V2: {
    sentence:
      'a viewer must forget keys, positions and gaps of the old epoch when a `Watching` names another, and ignore frames of any other epoch',
    section: 'behaviour.md#watching',
  },
  V3: {
    sentence: 'a viewer must give each frame to the application once: a frame whose sequence it has had is a duplicate, whatever its kind',
    section: 'behaviour.md#watching',
  },
  V4: {
    sentence: 'a viewer must take the gaps and frames of one message as one set, in the order of their sequences',
    section: 'behaviour.md#watching',
  },
  V5: {
    sentence: 'a viewer must accept sequences that a `Gap` names as missing; it takes an unknown reason for LOST',
    section: 'behaviour.md#watching',
  },
  V6: {
    sentence:
      'a viewer must take frames before `Watching.next_sequence` for the current group: holes among them are not missing frames, and an older HEADER or key never replaces a newer one',
    section: 'behaviour.md#watching',
  },
  V7: {
    sentence:
      'a viewer must send `Receipt{epoch, sequence}` with the largest sequence that has arrived every `receipt_interval_ms` (0 stands for 500), if anything arrived since the last, also while it plays nothing',
    section: 'behaviour.md#watching',
  },
  V8: {
    sentence: 'a viewer must also look whether a receipt is due whenever a message comes, an empty message included',
    section: 'behaviour.md#watching',
  },
  V9: {
    sentence:
      'a viewer must, when it returns, name the epoch and the next sequence of the largest that arrived, or `Watching.next_sequence` if that is larger',
    section: 'behaviour.md#watching',
  },
  V10: {
    sentence: 'a viewer must stay after `Ended`; after LOST the same epoch may continue, which a `Watching` says',
    section: 'behaviour.md#watching',
  },
  V11: {
    sentence: 'a viewer must drop a delta of MOTION or GAME whose key it does not hold, and not guess',
    section: 'behaviour.md#watching',
  },
  V12: {
    sentence: "a viewer must survive any payload of MOTION, EVENT, GAME and the users' kinds: it skips the frame and counts it",
    section: 'behaviour.md#watching',
  },
  I1: {
    sentence: 'a program under test prints one JSON object a line, each of them true, and answers WebSocket pings',
    section: 'docs/client/conformance.md#the-program',
  },
  I2: {
    sentence:
      'a program under test ends with status 0 after `Ended` FINISHED or close code 1000, with 1 after a permanent close, and within 2 s of SIGTERM',
    section: 'docs/client/conformance.md#the-program',
  },
} as const satisfies Record<string, Rule>;

/**
 * A rule's id. C1 to C10 apply to every client, B to broadcasters, V to viewers, I to programs that
 * the kit starts.
 */
export type RuleId = keyof typeof rules;

/** The rule with this id. */
export function ruleOf(id: RuleId): Rule {
  return rules[id];
}
