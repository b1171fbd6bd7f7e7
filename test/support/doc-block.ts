// In: a page of the documentation. Out: an example from it, as a reader would copy it. Tests run
// the examples, so that they keep working.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.ts';

/**
 * The fenced block in `path` (from the repository's root) whose first line is the comment `# title`
 * or `// title`. Throws if there is none.
 */
export function docBlock(path: string, title: string): string {
  const blocks = readFileSync(join(root, path), 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```$/gm);
  for (const [, block = ''] of blocks) if (['#', '//'].some((mark) => block.startsWith(`${mark} ${title}\n`))) return block;
  throw new Error(`${path} has no example "${title}"`);
}
