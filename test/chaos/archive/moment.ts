// The moments at which faults begin: at a count of an externally visible event, drawn from a seed
// and never from a clock.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Site } from './site.ts';

/** A function that returns integers from 0 to before `below`. */
export type Choose = (below: number) => number;

/** The counted event, and the count from now on. */
export interface Moment {
  /** Log bytes are visible only with the embedded log. */
  readonly of: 'acknowledgements' | 'store touches' | 'log bytes';
  readonly count: number;
}

/** The largest count of each kind: about a second of two broadcasts. */
const COUNT_MAX: Readonly<Record<Moment['of'], number>> = { acknowledgements: 10, 'store touches': 40, 'log bytes': 40_000 };

/** Draws a moment of one of the kinds that this site can show. */
export function drawMoment(choose: Choose, kinds: readonly Moment['of'][]): Moment {
  const of = kinds[choose(kinds.length)] ?? 'acknowledgements';
  return { of, count: 1 + choose(COUNT_MAX[of]) };
}

/**
 * Acts once the moment has come. When the store is watched, it acts in the same turn of the event
 * loop.
 */
export async function atMoment(site: Site, { of, count }: Moment, act: () => void): Promise<void> {
  if (of === 'acknowledgements') await site.untilAcknowledged(count);
  else if (of === 'log bytes') {
    const before = logBytes(site);
    await site.until(`${count} more bytes in the log`, () => logBytes(site) >= before + count);
  } else {
    let seen = 0;
    const stop = site.store.watch(() => {
      if (++seen === count) act();
    });
    try {
      await site.until(`${count} more calls of the store`, () => seen >= count);
    } finally {
      stop();
    }
    return;
  }
  act();
}

function logBytes({ data }: Site): number {
  const sizes = readdirSync(join(data, 'log'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}
