// Past broadcasts over HTTP: a list of them, the details of one, and its frames for a replay. Needs
// `moderate` on the stream. Listings show only the streams that the token may moderate.
import { create, toBinary } from '@bufbuild/protobuf';
import { cleanText, ServerMessageSchema, STREAM_NAME_PATTERN } from '@hayate/protocol';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { BroadcastName } from '../archive/layout/broadcast-name.ts';
import { BroadcastIndex, type PastBroadcast } from '../archive/read/broadcast-index.ts';
import { BroadcastReader } from '../archive/read/broadcast-reader.ts';
import type { BroadcastWindow } from '../archive/read/broadcast-record.ts';
import { allows, type Grants } from '../auth/grant.ts';
import type { VerifyToken } from '../auth/verify-token.ts';
import { answerRepresentation, representationOf } from '../http/representation.ts';
import { HayateError } from '../kernel/error.ts';
import { readTime } from '../kernel/time-text.ts';
import type { Store } from '../store/store.ts';
import { errorAnswers } from './api-error.ts';
import { identify } from './authorization.ts';
import { conditionHeaders, notModified, validatorHeaders } from './representation-docs.ts';

const LIMIT_MAX = 200;
/** Maximum capture time covered by one answer, in milliseconds. */
const STRETCH_MAX_MS = 30_000;
const DAY_MS = 86_400_000;
const security = [{ bearer: [] }];

const Time = z.iso.datetime().openapi({ example: '2026-05-03T18:00:00Z' });
/**
 * A time that a client writes, as Unix milliseconds. It must name its zone, since an answer cannot
 * show how the server understood it.
 */
const GivenTime = z
  .string()
  .transform((text, context) => {
    const read = readTime(text);
    if (typeof read !== 'string' && read.hasZone) return read.unixMs;
    const why = typeof read === 'string' ? read : 'it needs a zone: Z, or an offset such as +09:00 (in a URL %2B09:00)';
    context.addIssue({ code: 'custom', message: why });
    return z.NEVER;
  })
  .openapi({ type: 'string', format: 'date-time', example: '2026-05-03T18:00:00Z' });
const Milliseconds = z.number().nonnegative();
const Broadcast = z
  .object({
    stream: z.string().openapi({ example: 'hoshi' }),
    epoch: z.string().openapi({ description: 'This broadcast of the stream: 16 hex digits', example: '0198f3c2a7b00a5f' }),
    title: z.string().openapi({ description: 'Any script; without control characters and direction overrides' }),
    startedAt: Time,
    endedAt: Time.openapi({ description: 'When the log received the last archived batch' }),
    durationMs: Milliseconds.openapi({ description: 'In capture time' }),
    frames: z.int().nonnegative(),
    bytes: z.int().nonnegative().openapi({ description: 'Of the encoded frames' }),
    hasVoice: z.boolean(),
    hasMotion: z.boolean(),
    viewersMax: z.int().nonnegative(),
    replayable: z.boolean().openapi({ description: 'False: its frames are no longer kept' }),
    live: z.boolean().openapi({ description: 'True: the broadcast continues; the archive has it up to the last cut' }),
  })
  .openapi('PastBroadcast');
const Window = z
  .object({
    startedAt: Time,
    lengthMs: Milliseconds,
    log: z.string(),
    partition: z.int(),
    firstOffset: z.int(),
    lastOffset: z.int(),
    firstSequence: z.int().optional(),
    lastSequence: z.int().optional(),
    firstCaptureUs: z.int().optional(),
    lastCaptureUs: z.int().optional(),
    frames: z.string().optional().openapi({ description: 'Key of the frames object that holds it' }),
  })
  .openapi('BroadcastWindow');
const BroadcastDetails = Broadcast.extend({
  participants: z.array(z.object({ number: z.int(), name: z.string(), avatar: z.string() })),
  levels: z.object({
    slotMs: z.number().openapi({ description: '250, doubled several times for a long broadcast' }),
    runs: z.array(z.tuple([z.int(), z.string()])).openapi({
      description:
        'The loudest level of the voice in each slot of capture time: [first slot, two hex digits a slot], in -dBov (00 loudest, 7f silent)',
    }),
  }),
  windows: z.array(Window).optional(),
}).openapi('PastBroadcastDetails');

const name = z.object({ stream: z.string().regex(STREAM_NAME_PATTERN), epoch: z.string().regex(/^[0-9a-f]{16}$/) });
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/archive/broadcasts',
  summary: 'Past broadcasts that the token may moderate, the newest first',
  description: 'A page may be empty and still have a `next`: a request searches a bounded part of the archive.',
  security,
  request: {
    query: z.object({
      stream: z.string().regex(STREAM_NAME_PATTERN).optional().openapi({ description: 'Only broadcasts of this stream' }),
      from: GivenTime.optional().openapi({ description: 'Only broadcasts that began at or after this time' }),
      to: GivenTime.optional().openapi({ description: 'Only broadcasts that began before this time' }),
      limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(50),
      after: z
        .string()
        .regex(/^[0-9a-f]{16}\.[A-Za-z0-9_-]{0,64}$/)
        .optional()
        .openapi({ description: 'The `next` of the previous page' }),
    }),
  },
  responses: {
    200: json('A page', z.object({ broadcasts: z.array(Broadcast), next: z.string().optional() })),
    ...errorAnswers(400, 401, 403, 503),
  },
});
const readRoute = createRoute({
  method: 'get',
  path: '/api/archive/broadcasts/{stream}/{epoch}',
  summary: 'One past broadcast, with the levels of its voice (moderate)',
  security,
  request: {
    params: name,
    query: z.object({
      windows: z.enum(['true', 'false']).default('false').openapi({ description: 'Also the location of each of its windows' }),
    }),
  },
  responses: { 200: json('The broadcast', BroadcastDetails), ...errorAnswers(400, 401, 403, 404, 410, 503) },
});
const framesRoute = createRoute({
  method: 'get',
  path: '/api/archive/broadcasts/{stream}/{epoch}/frames',
  summary: 'The frames of an interval of capture time (moderate)',
  description: `A hayate.v1.ServerMessage with only frames, byte for byte as they were broadcast, by sequence: those captured from from_ms to before to_ms (at most ${STRETCH_MAX_MS} ms), preceded by the latest HEADER and the latest key of each kind and participant, so that a player can begin there.`,
  security,
  request: {
    params: name,
    headers: conditionHeaders.pick({ 'If-None-Match': true }),
    query: z.object({
      from_ms: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
      to_ms: z.coerce
        .number()
        .int()
        .min(0)
        .max(Number.MAX_SAFE_INTEGER)
        .optional()
        .openapi({ description: 'By default 10 s after from_ms' }),
    }),
  },
  responses: {
    200: {
      description: 'The frames. The header Hayate-Next-Ms, absent at the end, is the from_ms of the next interval.',
      headers: validatorHeaders,
      content: { 'application/protobuf': { schema: z.string().openapi({ format: 'binary' }) } },
    },
    304: notModified,
    ...errorAnswers(400, 401, 403, 404, 410, 412, 416, 503),
  },
});

interface BroadcastRouteParts {
  store: Store;
  verifyToken: VerifyToken;
  /** Unix milliseconds. */
  now: () => number;
  /** The epoch (16 hex digits) that is live on a stream now; undefined if there is none. */
  liveEpoch: (stream: string) => string | undefined;
}

/** Adds the routes to `app`. */
export function addArchiveBroadcastRoutes(app: OpenAPIHono, { store, verifyToken, now, liveEpoch }: BroadcastRouteParts): void {
  const index = new BroadcastIndex(store, now);
  const reader = new BroadcastReader(store, index, now);
  const bodyOf = (broadcast: PastBroadcast) => broadcastBody(broadcast, liveEpoch(broadcast.stream) === broadcast.epoch);
  app.openapi(listRoute, async (context) => {
    const { stream, from, to, limit, after } = context.req.valid('query');
    const { grants } = await identify(context, verifyToken);
    if ((grants.moderate ?? []).length === 0) throw new HayateError('FORBIDDEN', 'the token does not grant moderate on any stream');
    if (stream !== undefined) authorize(grants, stream);
    const { broadcasts, next } = await index.list({
      fromMs: from ?? 0,
      toMs: to ?? now() + DAY_MS,
      limit,
      includes: (name) => (stream === undefined || name === stream) && allows(grants, 'moderate', name),
      ...(after === undefined ? {} : { after }),
    });
    return context.json({ broadcasts: broadcasts.map(bodyOf), ...(next === undefined ? {} : { next }) }, 200);
  });
  app.openapi(readRoute, async (context) => {
    const wanted = context.req.valid('param');
    await authorizeRequest(context, wanted);
    const { broadcast, windows, levels } = await reader.record(wanted);
    const header = await reader.header(wanted);
    const details = {
      ...bodyOf(broadcast),
      participants: (header?.participants ?? []).map(({ number, name, avatar }) => ({ number, name: cleanText(name), avatar })),
      levels: { slotMs: levels.slotMs, runs: levels.runs.map(([slot, hex]): [number, string] => [slot, hex]) },
    };
    if (context.req.valid('query').windows === 'false') return context.json(details, 200);
    const keys = await reader.framesKeys(windows);
    return context.json({ ...details, windows: windows.map((window, i) => windowBody(window, keys[i])) }, 200);
  });
  app.openapi(framesRoute, async (context) => {
    const wanted = context.req.valid('param');
    await authorizeRequest(context, wanted);
    const { from_ms: fromMs, to_ms } = context.req.valid('query');
    const toMs = Math.min(to_ms ?? fromMs + 10_000, fromMs + STRETCH_MAX_MS);
    if (toMs < fromMs) throw new HayateError('BAD_REQUEST', 'to_ms is before from_ms');
    const { broadcast } = await reader.record(wanted);
    const frames = await reader.frames(wanted, { fromMs, toMs });
    const body = new Uint8Array(toBinary(ServerMessageSchema, create(ServerMessageSchema, { frames })));
    const next = toMs < broadcast.durationMs ? { 'Hayate-Next-Ms': String(toMs) } : {};
    const headers = { 'Cache-Control': 'private, no-cache', ...next };
    return answerRepresentation(context, representationOf(body, { headers, contentHeaders: { 'Content-Type': 'application/protobuf' } }));
  });

  async function authorizeRequest(context: Context, { stream }: BroadcastName): Promise<void> {
    authorize((await identify(context, verifyToken)).grants, stream);
  }
}

function authorize(grants: Grants, stream: string): void {
  if (!allows(grants, 'moderate', stream)) throw new HayateError('FORBIDDEN', 'the token does not grant moderate on this stream');
}

function broadcastBody(broadcast: PastBroadcast, live: boolean): z.infer<typeof Broadcast> {
  const { stream, epoch, title, startedMs, lastAppendMs, durationMs, frames, bytes, audioFrames, motionFrames, viewersMax } = broadcast;
  return {
    stream,
    epoch,
    // Archives written before titles were checked may hold any text.
    title: cleanText(title),
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(lastAppendMs).toISOString(),
    durationMs,
    frames,
    bytes,
    hasVoice: audioFrames > 0,
    hasMotion: motionFrames > 0,
    viewersMax,
    replayable: broadcast.isReplayable,
    live,
  };
}

function windowBody(window: BroadcastWindow, frames: string | undefined): z.infer<typeof Window> {
  const { startMs, lengthMs, log, partition, firstOffset, lastOffset, sequences, captureUs } = window;
  return {
    startedAt: new Date(startMs).toISOString(),
    lengthMs,
    log,
    partition,
    firstOffset,
    lastOffset,
    ...(sequences === undefined ? {} : { firstSequence: sequences.first, lastSequence: sequences.last }),
    ...(captureUs === undefined ? {} : { firstCaptureUs: captureUs.first, lastCaptureUs: captureUs.last }),
    ...(frames === undefined ? {} : { frames }),
  };
}
