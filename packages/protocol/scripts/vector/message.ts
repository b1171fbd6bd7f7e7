// Message vectors: messages between clients and servers, messages between servers, and log records.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ClientMessageSchema, EndReason, encodeFrame, GapReason, Kind, ServerMessageSchema } from '../../src/index.ts';
import { AnnouncementSchema, ControlSchema, EnvelopeSchema, RecordSchema, RepairRequestSchema } from '../../src/server.ts';
import { EPOCH } from './frame.ts';
import { type Vector, valid } from './vector.ts';

const UNIX_US = 1_767_225_600_123_456n;
const ticket = Uint8Array.of(1, 2, 3, 4);
const frame = (sequence: number) =>
  encodeFrame({ stream: 'studio-7', epoch: EPOCH, sequence, captureUs: sequence * 1_000, kind: Kind.EVENT, payload: new Uint8Array() });

function message<Desc extends DescMessage>(schema: Desc, name: string, about: string, fields: MessageInitShape<Desc>): Vector {
  return valid(name, schema, about, toBinary(schema, create(schema, fields)));
}
const client = (name: string, about: string, fields: MessageInitShape<typeof ClientMessageSchema>) =>
  message(ClientMessageSchema, `client-${name}`, about, fields);
const server = (name: string, about: string, fields: MessageInitShape<typeof ServerMessageSchema>) =>
  message(ServerMessageSchema, `server-${name}`, about, fields);

/** All message vectors. */
export const messageVectors: readonly Vector[] = [
  client('publish', 'begin a broadcast', { publish: { stream: 'studio-7', token: 'a.b.c' } }),
  client('publish-resume', 'resume one', { publish: { stream: 'studio-7', token: 'a.b.c', ticket } }),
  client('watch', 'watch', { watch: { stream: 'studio-7', token: 'a.b.c' } }),
  client('watch-return', 'watch again after a lost connection', {
    watch: { stream: 'studio-7', token: 'a.b.c', epoch: EPOCH, nextSequence: 42n },
  }),
  client('frames', 'two frames and a dropped range in one message', { frames: [frame(3), frame(6)], dropped: [{ first: 4n, last: 5n }] }),
  client('ping', 'ping', { ping: { id: 7 } }),
  client('receipt', 'receipt', { receipt: { epoch: EPOCH, sequence: 41n } }),
  client('token', 'a new token', { token: 'd.e.f' }),
  client('end', 'end of the broadcast', { end: { nextSequence: 42n } }),
  valid(
    'client-unknown-field',
    ClientMessageSchema,
    'field 100 of a later version beside a ping: ignored',
    Uint8Array.of(0xa2, 0x06, 1, 9, 0x22, 2, 8, 7),
  ),
  server('published', 'a new epoch', {
    published: {
      epoch: EPOCH,
      generation: 1,
      ticket,
      nextSequence: 0n,
      serverUnixUs: UNIX_US,
      limits: { frameBytesMax: 65_536, framesPerSecondMax: 200, bitsPerSecondMax: 1_000_000 },
    },
  }),
  server('published-resumed', 'a resumed one: send from 42', {
    published: { epoch: EPOCH, generation: 2, ticket, nextSequence: 42n, serverUnixUs: UNIX_US },
  }),
  server('watching', 'the stream is live', {
    watching: { epoch: EPOCH, serverUnixUs: UNIX_US, receiptIntervalMs: 250, nextSequence: 42n },
  }),
  server('watching-not-live', 'the stream is not live yet', { watching: { serverUnixUs: UNIX_US, receiptIntervalMs: 250 } }),
  server('frames', 'two frames', { frames: [frame(3), frame(4)] }),
  server('pong', 'pong', { pong: { id: 7, serverUnixUs: UNIX_US } }),
  server('ack', 'everything before 42 is durable', { ack: { nextSequence: 42n } }),
  server('ack-ticket', 'with a fresh ticket', { ack: { nextSequence: 42n, ticket } }),
  server('resend', 'send again from 40', { resend: { fromSequence: 40n } }),
  server('go-away', 'open a new connection within 10 s', { goAway: { closeAfterMs: 10_000 } }),
  server('gaps', 'three gaps, one for each reason', {
    gaps: [
      { first: 3n, last: 3n, reason: GapReason.LOST },
      { first: 5n, last: 9n, reason: GapReason.SLOW },
      { first: 10n, last: 40n, reason: GapReason.EXPIRED },
    ],
  }),
  server('audience', 'viewers', { audience: { viewers: 1_234 } }),
  server('ended', 'the epoch is over', { ended: { epoch: EPOCH, nextSequence: 42n, reason: EndReason.FINISHED } }),
  message(EnvelopeSchema, 'envelope', 'on live:<stream>', {
    stream: 'studio-7',
    epoch: EPOCH,
    generation: 1,
    incarnation: 0x0123456789abcdefn,
    frames: [{ frame: frame(3), receivedUnixUs: UNIX_US, previousPlusOne: 3n }],
    viewers: 12,
  }),
  message(EnvelopeSchema, 'envelope-group', 'the current group, on reply:<incarnation>', {
    stream: 'studio-7',
    epoch: EPOCH,
    generation: 1,
    incarnation: 1n,
    frames: [{ frame: frame(0) }],
    group: true,
    nextSequence: 4n,
  }),
  message(RepairRequestSchema, 'repair-request', 'on repair:<incarnation>', {
    stream: 'studio-7',
    epoch: EPOCH,
    missing: [{ first: 4n, last: 6n }],
    groupReplyChannel: 'reply:0000000000000002',
    listener: 2n,
  }),
  message(RepairRequestSchema, 'stream-viewers', 'on repair:<incarnation>, once a second', {
    viewers: [
      { stream: 'studio-7', epoch: EPOCH, viewers: 3 },
      { stream: 'studio-8', epoch: EPOCH + 1n, viewers: 250 },
    ],
    listener: 2n,
  }),
  message(ControlSchema, 'control-claim', 'on control', {
    body: { case: 'claim', value: { stream: 'studio-7', epoch: EPOCH, generation: 2, incarnation: 1n } },
  }),
  message(ControlSchema, 'control-end-stream', 'on control', { body: { case: 'endStream', value: { stream: 'studio-7', epoch: EPOCH } } }),
  message(ControlSchema, 'control-announce-full', 'on control', { body: { case: 'announceFull', value: {} } }),
  message(AnnouncementSchema, 'announcement', 'on directory', {
    incarnation: 1n,
    number: 9n,
    full: true,
    streams: [
      {
        stream: 'studio-7',
        epoch: EPOCH,
        title: 'Evening radio',
        startedUnixMs: 1_767_225_600_000n,
        viewers: 12,
        bitsPerSecond: 96_000,
        nextSequence: 42n,
        generation: 1,
      },
    ],
  }),
  message(RecordSchema, 'record-batch', 'a log record: frames of one stream', {
    body: {
      case: 'batch',
      value: {
        stream: 'studio-7',
        epoch: EPOCH,
        generation: 1,
        incarnation: 1n,
        labels: { tier: 'gold' },
        frames: [{ frame: frame(3), receivedUnixUs: UNIX_US }],
        dropped: [{ first: 4n, last: 5n }],
        end: { epoch: EPOCH, nextSequence: 6n, reason: EndReason.FINISHED },
        viewers: 12,
      },
    },
  }),
  message(RecordSchema, 'record-tick', 'a log record: a tick that ends the cut', { body: { case: 'tick', value: { cut: true } } }),
];
