// In: a test. Out: an empty folder of its own, gone when the test ends, after everything that the test opened later.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanUp, type TestScope } from './clean-up.ts';

/** Makes an empty folder under the system's temporary folder and returns its absolute path; removed after the test `t`. */
export const tempDir = (t: TestScope): string => {
  const path = mkdtempSync(join(tmpdir(), 'hayate-test-'));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
};
