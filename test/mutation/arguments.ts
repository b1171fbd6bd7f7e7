// In: the arguments of `npm run mutate`. Out: what to mutate. Wrong arguments are errors of one
// line.
import { parseArgs } from 'node:util';

/** How the command is used. */
export const usage = `npm run mutate -- FILE… [--tests WORD]… [--sample N] [--seed N]

Changes each FILE (or each source file of a folder) in one small place at a time, in a copy of the repository, and runs the tests of
the same folder that execute this place. Prints every change that no test noticed, and a table of scores.
  --tests WORD  also the test files whose path holds WORD
  --sample N    only N changes of each file (default: all)
  --seed N      decides which ones (default 1)
A comment on the line or above it leaves out the changes of a line: // mutation: equivalent, because …`;

/** A failure that its message explains completely. */
export class MutationError extends Error {}

/** What to mutate, and how. */
export interface MutationArguments {
  readonly help: boolean;
  /** Files or folders, relative to the repository's root. */
  readonly targets: readonly string[];
  /** Test files whose path holds one of these run too, besides those in the file's folder. */
  readonly testWords: readonly string[];
  /** At most this many mutants of a file; undefined: all. */
  readonly sample: number | undefined;
  /** Decides which ones. */
  readonly seed: number;
}

const wholeNumber = (flag: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new MutationError(`${flag} takes a whole number from 1 on`);
  return value;
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        tests: { type: 'string', multiple: true, default: [] },
        sample: { type: 'string' },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new MutationError(error instanceof Error ? error.message : String(error), { cause: error });
  }
};

/** Reads the arguments. Throws a MutationError. */
export const readArguments = (args: readonly string[]): MutationArguments => {
  const { values, positionals } = parse(args);
  if (positionals.length === 0 && !values.help) throw new MutationError(`name a file\n\n${usage}`);
  return {
    help: values.help,
    targets: positionals,
    testWords: values.tests,
    sample: values.sample === undefined ? undefined : wholeNumber('--sample', values.sample),
    seed: wholeNumber('--seed', values.seed),
  };
};
