// For the OpenAPI description of a route: the header fields of conditional and partial requests,
// and of their answers.
import { z } from '@hono/zod-openapi';

const text = (description: string, example?: string) => z.string().openapi({ description, ...(example === undefined ? {} : { example }) });
const condition = (description: string) => text(description).optional();

/** Header fields that a request may add to its path (RFC 9110 sections 13.1 and 14.2). */
export const conditionHeaders = z.object({
  'If-Match': condition('Only if the ETag is one of these; otherwise 412'),
  'If-None-Match': condition('Only if the ETag does not match any of these; otherwise 304'),
  'If-Modified-Since': condition('Only if it changed after this date; otherwise 304. Ignored with If-None-Match'),
  'If-Unmodified-Since': condition('Only if it did not change after this date; otherwise 412. Ignored with If-Match'),
  'If-Range': condition('The Range applies only to this ETag or Last-Modified; otherwise the whole object is returned'),
  Range: condition('bytes=FIRST-LAST, bytes=FIRST- or bytes=-LENGTH'),
});

/** Header fields that identify one state of a representation. */
export const validatorHeaders = z.object({
  ETag: text('Identifies this state; strong', '"1a2b-3c-4d"'),
  'Last-Modified': text('When this state was written').optional(),
  'Cache-Control': text('private, no-cache: may be stored, and must be revalidated each time'),
});

/** Header fields of a partial answer. */
export const partHeaders = validatorHeaders.extend({
  'Content-Range': text('The range of these bytes, and the size of the object', 'bytes 0-99/12345'),
});

/** The answer to a client that already has the current state. */
export const notModified = { description: 'The client has this state already', headers: validatorHeaders };
