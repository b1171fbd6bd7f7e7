// The shares of stages in CPU profiles that the test writes itself.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDir } from '../../test/support/temp-dir.ts';
import { profileShares, REST } from './profile-share.ts';

test('time belongs to the innermost stage on the stack, and idle time to no stage', (t) => {
  const path = join(tempDir(t), 'a.cpuprofile');
  const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
    id,
    callFrame: { functionName, url },
    children,
  });
  const nodes = [
    node(1, '(root)', '', [2, 5, 6]),
    node(2, 'run', 'file:///a/archiver/run.ts', [3, 4]),
    node(3, 'write', 'file:///a/store/fs.ts', [7]),
    node(4, 'helper', 'file:///a/other.ts'),
    node(5, '(idle)', ''),
    node(6, '(garbage collector)', ''),
    node(7, 'open', 'node:fs'),
  ];
  writeFileSync(path, JSON.stringify({ nodes, samples: [7, 4, 5, 6, 1], timeDeltas: [50, 20, 900, 20, 10] }));
  const shares = profileShares(path, [
    ['archiver', '/archiver/'],
    ['store', 'write@/store/'],
    ['garbage collection', '(garbage collector)@'],
  ]);
  assert.deepEqual(shares, [
    ['store', 0.5],
    ['archiver', 0.2],
    ['garbage collection', 0.2],
    [REST, 0.1],
  ]);
});
