// `npm run mutate`: changes source files in one small place at a time and runs their tests. Prints
// the changes that no test noticed, and a table of scores. Ends with 0 also if mutants survive: a
// score is there to be read.
import { constants, setPriority } from 'node:os';
import { root } from '../support/process.ts';
import { MutationError, readArguments, usage } from './arguments.ts';
import { mutate } from './mutation-run.ts';
import { survivorsText, tableText } from './report.ts';

const main = async (): Promise<void> => {
  const options = readArguments(process.argv.slice(2));
  if (options.help) return console.log(usage);
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const reports = await mutate({ ...options, root, onProgress: (line) => console.error(`  ${line}`) });
  for (const line of reports.flatMap(survivorsText)) console.log(line);
  console.log(tableText(reports).join('\n'));
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  console.error(error instanceof MutationError ? `npm run mutate: ${error.message}` : error);
  process.exitCode = 1;
}
