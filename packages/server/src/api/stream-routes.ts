// Lists live streams and ends them: the part of the HTTP API that a customer's backend uses most.
import { create, toBinary } from '@bufbuild/protobuf';
import { cleanText, epochText, STREAM_NAME_PATTERN } from '@hayate/protocol';
import { Control_EndStreamSchema, ControlSchema, type LiveStream } from '@hayate/protocol/server';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { allows } from '../auth/grant.ts';
import type { VerifyToken } from '../auth/verify-token.ts';
import { HayateError } from '../kernel/error.ts';
import type { Directory } from '../live/directory.ts';
import { Channels, type Shards } from '../shard/shard.ts';
import { errorAnswers } from './api-error.ts';
import { identify } from './authorization.ts';

const StreamBody = z
  .object({
    stream: z.string().openapi({ example: 'hoshi' }),
    epoch: z.string().openapi({ description: 'This broadcast of the stream: 16 hex digits', example: '0198f3c2a7b00a5f' }),
    title: z.string().openapi({ description: 'Any script; without control characters and direction overrides', example: '夜のラジオ' }),
    avatar: z.string().openapi({ description: 'URL of a VRM file; empty: the default avatar' }),
    startedAt: z.iso.datetime(),
    viewers: z.int().nonnegative(),
    bitsPerSecond: z.int().nonnegative(),
    nextSequence: z.int().nonnegative().openapi({ description: 'Frames so far' }),
  })
  .openapi('Stream');

const parameters = z.object({ stream: z.string().regex(STREAM_NAME_PATTERN) });
const security = [{ bearer: [] }];
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/streams',
  summary: 'Streams that are live and that the token may watch',
  security,
  responses: { 200: json('Live streams by name', z.object({ streams: z.array(StreamBody) })), ...errorAnswers(401, 503) },
});
const readRoute = createRoute({
  method: 'get',
  path: '/api/streams/{stream}',
  summary: 'One live stream (watch)',
  security,
  request: { params: parameters },
  responses: { 200: json('The stream', StreamBody), ...errorAnswers(400, 401, 403, 404, 503) },
});
const endRoute = createRoute({
  method: 'post',
  path: '/api/streams/{stream}/end',
  summary: 'End a broadcast (moderate)',
  security,
  request: { params: parameters },
  responses: {
    202: json('Its streamer has been notified', z.object({ stream: z.string(), epoch: z.string() })),
    ...errorAnswers(400, 401, 403, 404, 503),
  },
});

/** Adds the routes to `app`. */
export function addStreamRoutes(app: OpenAPIHono, parts: { directory: Directory; shards: Shards; verifyToken: VerifyToken }): void {
  const { directory, shards, verifyToken } = parts;
  app.openapi(listRoute, async (context) => {
    const { grants } = await identify(context, verifyToken);
    const streams = directory.streams().filter(({ stream }) => allows(grants, 'watch', stream));
    return context.json({ streams: streams.map(streamBody) }, 200);
  });
  app.openapi(readRoute, async (context) => {
    const { stream } = context.req.valid('param');
    if (!allows((await identify(context, verifyToken)).grants, 'watch', stream))
      throw new HayateError('FORBIDDEN', 'the token does not grant watch on this stream');
    return context.json(streamBody(liveStream(directory, stream)), 200);
  });
  app.openapi(endRoute, async (context) => {
    const { stream } = context.req.valid('param');
    if (!allows((await identify(context, verifyToken)).grants, 'moderate', stream))
      throw new HayateError('FORBIDDEN', 'the token does not grant moderate on this stream');
    const { epoch } = liveStream(directory, stream);
    const body = { case: 'endStream' as const, value: create(Control_EndStreamSchema, { stream, epoch }) };
    shards.publish(Channels.control, toBinary(ControlSchema, create(ControlSchema, { body })), Number.POSITIVE_INFINITY);
    return context.json({ stream, epoch: epochText(epoch) }, 202);
  });
}

function liveStream(directory: Directory, name: string): LiveStream {
  const stream = directory.stream(name);
  if (stream === undefined) throw new HayateError('NOT_FOUND', 'no such stream is live');
  return stream;
}

function streamBody(stream: LiveStream): z.infer<typeof StreamBody> {
  return {
    stream: stream.stream,
    epoch: epochText(stream.epoch),
    title: cleanText(stream.title),
    avatar: stream.avatar,
    startedAt: new Date(Number(stream.startedUnixMs)).toISOString(),
    viewers: stream.viewers,
    bitsPerSecond: stream.bitsPerSecond,
    nextSequence: Number(stream.nextSequence),
  };
}
