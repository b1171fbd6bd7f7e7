// `npm run mutate`: changes source files in one small place at a time and runs their tests. Prints
// the changes that no test noticed, and a table of scores. Ends with 0 also if mutants survive: a
// score is there to be read.
import { constants, setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { root } from '../support/process.ts';
import { MutationError, mutate } from './mutation-run.ts';
import { survivorsText, tableText } from './report.ts';

const usage = `npm run mutate -- FILE… [--tests WORD]… [--sample N] [--seed N]

Changes each FILE (or each source file of a folder) in one small place at a time, in a copy of the repository, and runs the tests of
the same folder that execute this place. Prints every change that no test noticed, and a table of scores.
  --tests WORD  also the test files whose path holds WORD
  --sample N    only N changes of each file (default: all)
  --seed N      decides which ones (default 1)
A comment on the line or above it leaves out the changes of a line: // mutation: equivalent, because …`;

const wholeNumber = (flag: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new MutationError(`${flag} takes a whole number from 1 on`);
  return value;
};

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tests: { type: 'string', multiple: true, default: [] },
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  if (positionals.length === 0) throw new MutationError(`name a file\n\n${usage}`);
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const reports = await mutate({
    root,
    targets: positionals,
    testWords: values.tests,
    sample: values.sample === undefined ? undefined : wholeNumber('--sample', values.sample),
    seed: wholeNumber('--seed', values.seed),
    onProgress: (line) => console.error(`  ${line}`),
  });
  for (const report of reports) console.log(survivorsText(report).join('\n'));
  console.log(tableText(reports).join('\n'));
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  const isExpected = error instanceof MutationError || (error instanceof TypeError && 'code' in error);
  console.error(isExpected ? `npm run mutate: ${error.message}` : error);
  process.exitCode = 1;
}
