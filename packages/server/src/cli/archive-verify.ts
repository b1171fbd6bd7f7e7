// `hayate archive verify`: proves that an archive is complete and intact, by reading all of it. If
// it is not, the command prints where and exits with 1. It changes nothing, and may run while
// servers write the archive.
import { type LogSettings, logFlags, type StoreSettings, storeFlags } from '../adapter-flags.ts';
import { committedOffsets, openArchive } from '../adapters.ts';
import { type Finding, SUMMARY_KINDS, type Summary, verifyArchive } from '../archive/verify/verify.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { timeText } from '../kernel/time-text.ts';
import type { CommittedOffsets } from '../log/log.ts';
import { defineCommand, type Io } from './command.ts';
import { clockText, Progress } from './progress.ts';
import { terminalJson, terminalText } from './terminal-text.ts';
import { TIME_HELP, typedSpan } from './time.ts';

/** Findings that are printed for people. */
const SHOWN_MAX = 10;
const BAR_WIDTH = 30;

const flags = defineFlags({
  ...storeFlags,
  ...logFlags,
  from: { kind: 'string', placeholder: 'TIME', help: `only cuts archived from this day or time on: ${TIME_HELP}` },
  to: { kind: 'string', placeholder: 'TIME', help: 'only cuts archived before this day or time' },
  withoutLog: { kind: 'boolean', help: 'do not read the committed offsets of the log' },
  json: { kind: 'boolean', help: 'print all findings, each as a line of JSON, and the summary as the last line' },
});

export const archiveVerify = defineCommand({
  name: 'archive verify',
  summary: 'check that an archive is complete and correct by reading all of it',
  details: `Walks the manifests from the oldest kept one and checks every cut: objects are there with the digests
that manifests name, their contents have these digests, offsets follow one another without gap or overlap,
every frame exists once, the voice is that of the frames, statistics agree with a recount, there are no
objects that no manifest names, and nothing is left of erased broadcasts. Exits with 1 if there is a
finding. See spec/archive.md, "Verification". With --from and --to it does not look for objects that no
manifest names.`,
  flags,
  async run({ json, withoutLog, from, to, ...settings }, io) {
    const { fromMs, toMs } = typedSpan(io, { from, to });
    const store = await openArchive(settings);
    let done = { cuts: 0, cutsTotal: 0 };
    const beganMs = performance.now();
    const progress = new Progress(io.stderr, () => bar(done.cuts, done.cutsTotal, performance.now() - beganMs));
    try {
      const committed = withoutLog ? undefined : await readCommitted(settings, progress);
      const { findings, summary } = await verifyArchive({
        store,
        ...(committed === undefined ? {} : { committed }),
        ...(fromMs === undefined ? {} : { fromMs }),
        ...(toMs === undefined ? {} : { toMs }),
        signal: AbortSignal.any([io.interrupted, ...(io.stdout.readerLeft === undefined ? [] : [io.stdout.readerLeft])]),
        onFinding: (finding) => {
          if (json) io.stdout.write(`${terminalJson({ finding })}\n`);
        },
        onProgress: (progress) => {
          done = progress;
        },
      });
      progress.close();
      print(io, { findings, summary, json });
      return findings.length === 0 ? 0 : 1;
    } catch (error) {
      // Not 0, because nothing was proved.
      if (io.stdout.readerLeft?.aborted) return 1;
      if (!io.interrupted.aborted) throw error;
      throw new HayateError('CLOSED', `interrupted after ${done.cuts} of ${done.cutsTotal} cuts`);
    } finally {
      progress.close();
      await store.close();
    }
  },
});

/**
 * Reads the log's committed offsets. Prints a note and returns undefined if there is no log to ask.
 */
async function readCommitted(settings: LogSettings & StoreSettings, progress: Progress): Promise<CommittedOffsets | undefined> {
  try {
    return await committedOffsets(settings);
  } catch (error) {
    if (!(error instanceof HayateError && error.code === 'NOT_FOUND')) throw error;
    progress.say(`there is no log to compare with (${error.message})`);
    return undefined;
  }
}

function bar(cuts: number, cutsTotal: number, elapsedMs: number): string {
  const share = cutsTotal === 0 ? 0 : cuts / cutsTotal;
  const filled = Math.round(share * BAR_WIDTH);
  const left = share === 0 ? '' : `  about ${clockText((elapsedMs / share) * (1 - share))} left`;
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${cuts} of ${cutsTotal} cuts${left}`;
}

function print({ stdout }: Io, { findings, summary, json }: { findings: readonly Finding[]; summary: Summary; json: boolean }): void {
  if (json) {
    stdout.write(`${JSON.stringify({ summary })}\n`);
    return;
  }
  for (const { rule, key, expected, found } of findings.slice(0, SHOWN_MAX))
    stdout.write(`${[`${rule}: ${key}`, `  expected  ${expected}`, `  found     ${found}`].map(terminalText).join('\n')}\n`);
  if (summary.findings > SHOWN_MAX) stdout.write(`… and ${summary.findings - SHOWN_MAX} more (--json prints all)\n`);
  stdout.write(summaryText(summary));
  stdout.write(summary.findings === 0 ? 'the archive is sound\n' : `the archive is NOT sound: ${summary.findings} findings\n`);
}

function summaryText(summary: Summary): string {
  const { partitions, cuts, objects, bytes, openObjects, frames, broadcasts, voiceSeconds, fromMs, toMs } = summary;
  const time = (ms: number | undefined) => (ms === undefined ? '-' : timeText(ms));
  const kinds = SUMMARY_KINDS.map((kind) => `${objects[kind]} ${kind}`).join(', ');
  return [
    `${partitions} partitions, ${cuts} cuts, from ${time(fromMs)} to ${time(toMs)}`,
    `objects: ${kinds}; ${(bytes / 1e6).toFixed(1)} MB; ${openObjects} of cuts that are being written, not checked`,
    `${broadcasts} broadcasts, ${frames} frames, ${clockText(voiceSeconds * 1000)} of voice`,
    '',
  ].join('\n');
}
