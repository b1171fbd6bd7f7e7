// An archive object as the body of an answer: read from the store in pieces, the next one when the client has taken the one
// before, so that a download holds at most two pieces in memory. A client that goes away ends the reading.
import { HayateError } from '../kernel/error.ts';
import type { Store } from '../store/store.ts';

/** Bytes read from the store at a time. */
export const PIECE_BYTES = 1_048_576;

/** Which bytes of which object. */
export interface ObjectPart {
  readonly key: string;
  /** Of this state alone: pieces of two states never meet in one answer. */
  readonly version: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Begins to read. Undefined if the object is gone or has another version by now. `breakOff` is called if it cannot be read to
 * its end: the answer's status is sent by then, so all that is left is to end the connection before the promised length.
 */
export async function openObjectBody(
  store: Pick<Store, 'get'>,
  { key, version, offset, length }: ObjectPart,
  breakOff: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const end = offset + length;
  const read = (from: number) => store.get(key, { offset: from, length: Math.min(PIECE_BYTES, end - from), version });
  // Also of nothing: then it tells whether the object is still there.
  let piece = await read(offset);
  let at = offset;
  if (piece === undefined) return undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (at < end) {
            piece ??= await read(at);
            if (piece === undefined || piece.length === 0) throw new HayateError('CONFLICT', 'the object changed while it was read');
            at += piece.length;
            controller.enqueue(piece);
            piece = undefined;
          }
          if (at === end) controller.close();
        } catch (error) {
          breakOff(error);
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
}
