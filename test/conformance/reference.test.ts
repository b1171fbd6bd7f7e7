// Pages that repeat facts from the code must agree with it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { reference, referencePath } from '../../scripts/reference.ts';
import { root } from '../support/process.ts';

test('docs/reference/cli.md lists the current commands and flags; `node scripts/reference.ts` writes it', async () => {
  assert.equal(readFileSync(referencePath, 'utf8'), await reference());
});

test('the README shows the current examples', () => {
  const readme = readFileSync(`${root}/README.md`, 'utf8');
  for (const name of ['broadcast.ts', 'watch.ts']) {
    const code = readFileSync(`${root}/examples/${name}`, 'utf8');
    assert.ok(readme.includes(`\`\`\`ts\n${code}\`\`\``), `examples/${name}`);
    assert.ok(code.trimEnd().split('\n').length <= 30, `examples/${name} has more than 30 lines`);
  }
});
