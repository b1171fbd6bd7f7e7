// One attack from its beginning to its verdict: a site, broadcasters, faults, the drain and the
// audit. In: a test and a seed. Out: a line of figures. Every choice of a run comes from its seed,
// which is printed; HAYATE_TEST_SEED repeats it.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { seededNumbers } from '../../support/archive-broadcast.ts';
import { requirePython } from '../../support/require-tool.ts';
import { type Audit, auditArchive } from './audit.ts';
import type { Choose } from './moment.ts';
import { untilArchived } from './settle.ts';
import { Site, type SiteOptions } from './site.ts';

/** A site under attack. */
export interface Campaign {
  readonly t: TestContext;
  readonly site: Site;
  readonly choose: Choose;
}

const ownSeed = Date.now() % 2 ** 31;

/** The seed of this run, unless a test chooses another. */
export function runSeed(): number {
  return Number(process.env.HAYATE_TEST_SEED ?? ownSeed);
}

/**
 * With HAYATE_TEST_KEEP=DIR, copies the remains of a site whose campaign failed to DIR: journals,
 * log, archive.
 */
function keepEvidence(site: Site, seed: number): void {
  const folder = process.env.HAYATE_TEST_KEEP;
  if (folder !== undefined) cpSync(site.folder, join(folder, String(seed)), { recursive: true });
}

async function carryOut(campaign: Campaign, python: string, attack: (campaign: Campaign) => Promise<void>): Promise<Audit> {
  const { site } = campaign;
  await attack(campaign);
  await site.endBroadcasts();
  if (site.clustered) {
    await Promise.all(site.of('streamer').map((process) => site.stop(process)));
    await untilArchived(site);
  }
  await site.stopAll();
  return auditArchive(site, python);
}

/** Figures of all campaigns of this process. */
export const figures = { kills: 0, frames: 0 };

/**
 * Opens a site, runs `attack` on it, ends the broadcasts, drains, and compares the archive with the
 * acknowledgements. Returns the findings of the audit, or undefined after skipping the test.
 */
export async function runCampaign(
  t: TestContext,
  options: Omit<SiteOptions, 'seed'> & { readonly seed?: number },
  attack: (campaign: Campaign) => Promise<void>,
): Promise<Audit | undefined> {
  const python = requirePython(t, 'avro', 'zstandard');
  if (python === undefined) return undefined;
  const { seed = runSeed(), ...rest } = options;
  t.diagnostic(`HAYATE_TEST_SEED=${seed}`);
  const site = await Site.open(t, { ...rest, seed });
  const audit = await carryOut({ t, site, choose: seededNumbers(seed) }, python, attack).catch((error: unknown) => {
    keepEvidence(site, seed);
    throw error;
  });
  figures.kills += site.faults.get('kills') ?? 0;
  figures.frames += audit.frames;
  const faults = [...site.faults].map(([what, count]) => `${count} ${what}`).join(', ');
  t.diagnostic(`survived ${faults || 'nothing'}; ${audit.frames} frames checked, ${audit.promised} of them acknowledged`);
  return audit;
}
