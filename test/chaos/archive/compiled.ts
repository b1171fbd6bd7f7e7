// Environment of the many processes that chaos starts: compiling their TypeScript anew each time would take most of the time.
import { join } from 'node:path';
import { root } from '../../support/process.ts';

/** What is compiled is kept below the repository's root, for the next process; a changed file is compiled again. */
export const COMPILED = { NODE_COMPILE_CACHE: join(root, '.cache', 'compile') };
