// Environment of the many processes that chaos tests start. Without it, most of the time would go
// into compiling their TypeScript again and again.
import { join } from 'node:path';
import { root } from '../../support/process.ts';

/**
 * Compiled code is kept below the repository's root for the next process; a changed file is
 * compiled again.
 */
export const COMPILED = { NODE_COMPILE_CACHE: join(root, '.cache', 'compile') };
