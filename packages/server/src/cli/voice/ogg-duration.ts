// Finds where the voice of an Ogg file ends, from the end of the file, without reading the middle.
import { PageSync } from '../../format/ogg/index.ts';
import type { ByteSource } from './byte-source.ts';

/** Twice the longest page. */
const TAIL_BYTES = 131_072;
/** No encoder uses fewer bytes: even silent packets of 120 ms take more than 16 bytes a second. */
const BYTES_PER_SECOND_MIN = 16;

/**
 * Returns the last granule position of the stream `serial`, in 48 kHz samples. Returns undefined if
 * the file ends with another stream (it is a chain), has no plausible position near its end, or can
 * be read only once.
 */
export async function lastGranule(source: ByteSource, serial: number): Promise<number | undefined> {
  if (source.size === undefined) return undefined;
  const sync = new PageSync(() => undefined);
  sync.push(await source.tail(TAIL_BYTES));
  sync.end();
  let last: { serial: number; granule: number } | undefined;
  for (let page = sync.next(); page !== undefined; page = sync.next()) if (page.granule >= 0) last = page;
  if (last === undefined || last.serial !== serial) return undefined;
  return last.granule / 48_000 <= source.size / BYTES_PER_SECOND_MIN ? last.granule : undefined;
}
