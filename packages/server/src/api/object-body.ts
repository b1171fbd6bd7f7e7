// An archive object as the body of an answer. It is read from the store in pieces, each one once
// the client has taken the one before, so a download holds at most two pieces in memory. When the
// client disconnects, the reading ends.
import { HayateError } from '../kernel/error.ts';
import type { Store } from '../store/store.ts';

/** Bytes read from the store at a time. */
export const PIECE_BYTES = 1_048_576;

/** A range of bytes of an object. */
interface ObjectPart {
  readonly key: string;
  /** Only this version is read, so that one answer never mixes two versions. */
  readonly version: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Begins to read. Undefined if the object is gone or has another version by now. `breakOff` is
 * called if the object cannot be read to its end. The status has been sent by then, so the only
 * option left is to end the connection before the promised length.
 */
export async function openObjectBody(
  store: Pick<Store, 'get'>,
  { key, version, offset, length }: ObjectPart,
  breakOff: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const end = offset + length;
  const read = (from: number) => store.get(key, { offset: from, length: Math.min(PIECE_BYTES, end - from), version });
  // Even a range of no bytes is read, since that shows whether the object still exists.
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
