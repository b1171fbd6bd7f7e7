// Writes docs/reference/cli.md from the commands' own tables: `node scripts/reference.ts`. A test
// checks that the page is current.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commandHelp } from '../packages/server/src/cli/help.ts';
import { allCommands } from '../packages/server/src/cli/index.ts';

/** The path of the page. */
export const referencePath = fileURLToPath(new URL('../docs/reference/cli.md', import.meta.url));

/** The text of the page. */
export async function reference(): Promise<string> {
  const sections = (await allCommands()).map((command) => `## hayate ${command.name}\n\n\`\`\`\n${commandHelp(command).trim()}\n\`\`\`\n`);
  const head = [
    '# The hayate command\n',
    'Every flag can also be set by a variable: `--drain-timeout-ms` is `HAYATE_DRAIN_TIMEOUT_MS`. An empty variable counts as unset. Unknown',
    'variables that begin with `HAYATE_` are refused, except for those that Kubernetes or Docker set to describe a service of that name, such as',
    '`HAYATE_SERVICE_HOST`: see [scale-out.md](../operate/scale-out.md#in-kubernetes). Written by `scripts/reference.ts`.\n',
    '**Times** that are printed are UTC and end in `Z`. A typed time is `2026-05-03`, `2026-05-03 18:00`, `2026-05-03T18:00:00.5`, each with',
    '`Z`, `+09:00`, `+0900`, `+09` or nothing after it: without a zone it is UTC, and the command prints the resulting time.',
    '`archive erase` refuses a time without a zone. [Why](../decision/0018-times-without-a-zone.md).\n',
    '**`-`** in place of a file is standard input or output: `--out -`, `--ack-log -`, `--token-file -`; a file of that name is `./-`. Reports and',
    'progress go to standard error, and binary output is never written to a terminal. `--out` is checked before the command waits for anything.',
    '`watch` replaces the file when the first voice arrives, and always keeps the part that it has written; `archive export`',
    'replaces it only with the complete export.\n',
    '| exit code | meaning |',
    '|---|---|',
    '| 0 | success: also a `serve` that a signal drained, a `broadcast` that was interrupted with all frames acknowledged, a `watch` that was interrupted with a recording, and an output that its reader closed |',
    '| 1 | failure, or `archive verify` has findings or could not finish |',
    '| 2 | wrong arguments or settings |',
    '| 130, 143 | SIGINT or SIGTERM stopped it, within two seconds if it has nothing to finish; a second signal stops every command at once |\n',
  ].join('\n');
  return [head, ...sections].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(referencePath, await reference());
