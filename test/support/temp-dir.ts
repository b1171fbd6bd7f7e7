// In: a test. Out: an empty folder, removed when the test ends, after everything that the test
// opened later is closed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp, type TestScope } from './clean-up.ts';

/**
 * Makes an empty folder in the system's temporary folder and returns its absolute path. It is
 * removed after the test `t`.
 */
export const tempDir = (t: TestScope): string => {
  const path = mkdtempSync(join(tmpdir(), 'hayate-test-'));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
};
