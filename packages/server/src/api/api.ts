// The api role: listings, moderation, the archive over HTTP, and the pages. Described at /api/openapi.json.
import { epochText } from '@hayate/protocol';
import { OpenAPIHono as Application, type OpenAPIHono } from '@hono/zod-openapi';
import { Counter } from '@prometheus-io/client';
import type { VerifyToken } from '../auth/verify-token.ts';
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
import { addStreamRoutes } from './stream-routes.ts';

/** A Hono application that answers errors as the API does. */
export function createApplication(context: Context): OpenAPIHono {
  const app = new Application({
    defaultHook: (result) => {
      if (!result.success)
        throw new HayateError(
          'BAD_REQUEST',
          `the request's ${result.target} is malformed: ${result.error.issues[0]?.path.join('.') ?? ''}`,
        );
    },
  });
  app.onError((error, request) => {
    if (!(error instanceof HayateError)) context.logger.error({ err: error }, 'a request could not be answered');
    return answerError(request, error);
  });
  app.notFound((request) => answerError(request, new HayateError('NOT_FOUND', 'there is nothing at this path')));
  return app;
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
    parts: { context: Context; shards: Shards; store: Store; verifyToken: VerifyToken; version: string },
  ): Promise<Api> {
    const { context, shards, store, verifyToken, version } = parts;
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
    app.doc31('/api/openapi.json', {
      openapi: '3.1.0',
      info: { title: 'Hayate', version, description: "What a customer's backend uses: what is live, end a stream, the archive." },
    });
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
