// The end of an Ogg file in, how far its voice reaches out, without reading what lies between.
import { PageSync } from '../../format/ogg/index.ts';
import type { ByteSource } from './byte-source.ts';

/** Two of the longest pages. */
const TAIL_BYTES = 131_072;
/** No encoder spends fewer bytes: packets of 120 ms that say nothing take more than 16 a second. */
const BYTES_PER_SECOND_MIN = 16;

/**
 * The last granule position of the stream `serial`, 48 kHz samples; undefined if the file ends with another stream (it is a
 * chain), has no position that can be right near its end, or can be read only once.
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
