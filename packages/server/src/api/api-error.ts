// Error answers of the HTTP API: a status, a code for programs and a sentence for people.
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type ErrorCode, HayateError } from '../kernel/error.ts';

/** The body of every answer that is not 2xx. */
const ErrorBody = z
  .object({
    error: z.object({
      code: z.string().openapi({ example: 'NOT_FOUND' }),
      message: z.string().openapi({ example: 'no such stream is live' }),
    }),
  })
  .openapi('Error');

const STATUS = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  NOT_ACCEPTABLE: 406,
  GONE: 410,
  PRECONDITION_FAILED: 412,
  RANGE_NOT_SATISFIABLE: 416,
  UNREACHABLE: 503,
  CLOSED: 503,
} as const satisfies Partial<Record<ErrorCode, number>>;

/** Retry-After of a 503 whose error does not name a time. */
const RETRY_AFTER_MS = 1_000;

/** Answers `error`. An unexpected error becomes 500 without details. */
export function answerError(context: Context, error: unknown): Response {
  if (!(error instanceof HayateError))
    return context.json({ error: { code: 'INTERNAL', message: 'the server failed' } }, 500, { 'Cache-Control': 'no-store' });
  const status = error.code in STATUS ? STATUS[error.code as keyof typeof STATUS] : 500;
  // A missing listing or object may exist a moment later, so caches must not keep the error.
  context.header('Cache-Control', 'no-store');
  if (status === 401) context.header('WWW-Authenticate', 'Bearer');
  if (status === 503) context.header('Retry-After', String(Math.max(1, Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) / 1000))));
  return context.json({ error: { code: error.code, message: error.message } }, status);
}

/** For the documentation of a route: the error answers it may give. */
export function errorAnswers<const Status extends number>(...statuses: Status[]) {
  const content = { 'application/json': { schema: ErrorBody } };
  return Object.fromEntries(statuses.map((status) => [status, { description: DESCRIPTIONS[status] ?? 'Error', content }])) as Record<
    Status,
    { description: string; content: typeof content }
  >;
}

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'The token is missing or not valid',
  403: 'The token does not grant this',
  404: 'There is no such resource',
  410: 'It was erased, or is no longer kept',
  412: 'Its state does not match If-Match or If-Unmodified-Since',
  416: 'The range lies outside the object, whose size Content-Range gives',
  503: 'The request cannot be answered now, for instance because the key of its token cannot be fetched; try again after `Retry-After` seconds',
};
