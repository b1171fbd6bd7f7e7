// Stored results: bench/result/NAME.json. Only full runs write them, and the report reads them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Environment, measuredCommit, readEnvironment } from './environment.ts';
import type { BenchOutcome } from './outcome.ts';

const folder = fileURLToPath(new URL('../result', import.meta.url));

/** A run and its environment. */
export interface BenchResult {
  /** The benchmark's file name. */
  benchmark: string;
  command: string;
  /** The day, ISO 8601, UTC. */
  date: string;
  commit: string;
  environment: Environment;
  outcome: BenchOutcome;
}

/** Stores the outcome of a full run in place of the previous one. */
export function saveResult(benchmark: string, outcome: BenchOutcome): void {
  const result: BenchResult = {
    benchmark,
    command: `npm run bench -- ${benchmark}`,
    date: new Date().toISOString().slice(0, 10),
    commit: measuredCommit(),
    environment: readEnvironment(),
    outcome,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${benchmark}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** All stored results, by name. */
export function readResults(): BenchResult[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as BenchResult), benchmark: basename(file, '.json') }));
}
