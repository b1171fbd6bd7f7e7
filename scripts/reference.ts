// Writes docs/reference/cli.md from the commands' own tables: `node scripts/reference.ts`. A test keeps the page equal.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commandHelp } from '../packages/server/src/cli/help.ts';
import { allCommands } from '../packages/server/src/cli/index.ts';

/** Where the page lies. */
export const referencePath = fileURLToPath(new URL('../docs/reference/cli.md', import.meta.url));

/** The page. */
export async function reference(): Promise<string> {
  const sections = (await allCommands()).map((command) => `## hayate ${command.name}\n\n\`\`\`\n${commandHelp(command).trim()}\n\`\`\`\n`);
  const head = [
    '# The hayate command\n',
    'Every flag can also be set by a variable: `--drain-timeout-ms` is `HAYATE_DRAIN_TIMEOUT_MS`. An empty variable is as if unset. Unknown',
    'variables that begin with `HAYATE_` are refused, except for those that Kubernetes or Docker set to describe a service of that name, such as',
    '`HAYATE_SERVICE_HOST`: see [scale-out.md](../operate/scale-out.md#in-kubernetes). Written by `scripts/reference.ts`.\n',
  ].join('\n');
  return [head, ...sections].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(referencePath, await reference());
