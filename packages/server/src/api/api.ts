// The api role: listings, moderation, the archive over HTTP, and the pages. /api/openapi.json
// describes it.
import { epochText } from '@hayate/protocol';
import { OpenAPIHono as Application, type OpenAPIHono } from '@hono/zod-openapi';
import { Counter } from '@prometheus-io/client';
import type { VerifyToken } from '../auth/verify-token.ts';
import { forwardedPrefix } from '../http/base-path.ts';
import { compressAnswers } from '../http/compress-answers.ts';
import { codingHeader, compressed } from '../http/content-coding.ts';
import { crossOrigin } from '../http/cross-origin.ts';
import { answerRepresentation, representationOf } from '../http/representation.ts';
import type { Site } from '../http/site.ts';
import type { Context } from '../kernel/context.ts';
import { HayateError } from '../kernel/error.ts';
import { RateLimitedLog } from '../kernel/rate-limited-log.ts';
import type { Service } from '../kernel/service.ts';
import { Directory } from '../live/directory.ts';
import type { Shards } from '../shard/shard.ts';
import type { Store } from '../store/store.ts';
import { answerError } from './api-error.ts';
import { addArchiveBroadcastRoutes } from './archive-broadcast-routes.ts';
import { addArchiveRoutes } from './archive-routes.ts';
import { answerMethods } from './request-method.ts';
import { addStreamRoutes } from './stream-routes.ts';

/** A Hono application that answers errors as the API does. */
export function createApplication(context: Context): OpenAPIHono {
  const app = new Application({
    defaultHook: (result) => {
      if (!result.success)
        throw new HayateError('BAD_REQUEST', `the request's ${result.target} is malformed: ${whatIsWrong(result.error.issues[0])}`);
    },
  });
  for (const path of ['/api/*', '/metrics']) app.use(path, compressAnswers);
  const log = new RateLimitedLog(context.logger);
  app.onError((error, request) => {
    if (!(error instanceof HayateError)) log.error('a request could not be answered', { err: error });
    return answerError(request, error);
  });
  app.use('*', answerMethods(app));
  app.notFound((request) => answerError(request, new HayateError('NOT_FOUND', 'there is nothing at this path')));
  return app;
}

/** The path of the fault, and its reason if the message is Hayate's own. */
function whatIsWrong(issue: { code: string; path: PropertyKey[]; message: string } | undefined): string {
  if (issue === undefined) return '';
  return `${issue.path.join('.')}${issue.code === 'custom' ? `: ${issue.message}` : ''}`;
}

/** The api role of this process. */
export class Api implements Service {
  readonly name = 'api';
  readonly #directory: Directory;

  private constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** Adds the API's routes to `app`. */
  static async start(
    app: OpenAPIHono,
    parts: { context: Context; shards: Shards; store: Store; verifyToken: VerifyToken; version: string; site: Site },
  ): Promise<Api> {
    const { context, shards, store, verifyToken, version, site } = parts;
    if (site.origins !== undefined) app.use('/api/*', crossOrigin(site.origins));
    const malformed = new Counter({
      name: 'hayate_api_malformed_channel_messages_total',
      help: 'Announcements that could not be read',
      registers: [context.registry],
    });
    const directory = await Directory.open(context.clock, shards, () => malformed.inc());
    app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
    addStreamRoutes(app, { directory, shards, verifyToken });
    addArchiveRoutes(app, { store, verifyToken, log: new RateLimitedLog(context.logger) });
    addArchiveBroadcastRoutes(app, {
      store,
      verifyToken,
      now: () => context.clock.nowUnixUs() / 1000,
      liveEpoch: (name) => {
        const stream = directory.stream(name);
        return stream === undefined ? undefined : epochText(stream.epoch);
      },
    });
    addDescription(app, version, site);
    return new Api(directory);
  }

  unready(): undefined {}

  drain(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#directory.close();
    return Promise.resolve();
  }
}

/** Adds /api/openapi.json, which names the address that it was requested under. */
function addDescription(app: OpenAPIHono, version: string, { basePath }: Site): void {
  app.get('/api/openapi.json', async (context) => {
    const document = app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Hayate', version, description: "For a customer's backend: list live streams, end a stream, read the archive." },
      servers: [{ url: basePath || forwardedPrefix(context.req.header('X-Forwarded-Prefix')) || '/' }],
    });
    const { coding, bytes } = await compressed(new TextEncoder().encode(JSON.stringify(document)), context.req.header('Accept-Encoding'));
    const headers = { 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding, X-Forwarded-Prefix' };
    const contentHeaders = { 'Content-Type': 'application/json', ...codingHeader(coding) };
    return answerRepresentation(context, representationOf(bytes, { headers, contentHeaders }));
  });
}
