// @ts-check
// In: a fresh clone, a Redis or Valkey on PATH, and the optional flags --viewers and --port. Out:
// the demonstration of scale-out on this machine, until Ctrl-C (demo/scale/): three Redis servers
// that a visitor may kill and suspend while an avatar continues to talk.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { foreground } from './foreground.mjs';
import { ensureInstalled } from './install.mjs';
import { ensurePages } from './pages.mjs';
import { ensureRuntime, runtimeEnvironment, runtimeFlags, versionOf } from './runtime.mjs';
import { Refusal, root, script } from './step.mjs';

const usage = `npm run demo:scale -- [--viewers N] [--port P]

Starts three Redis, a streamer, two listeners and a few hundred viewers on this machine, and a page where one can kill and hang
the Redis while the avatar keeps talking.
  --viewers N  viewers without a screen (default 300)
  --port P     port of the page (default 8070)`;

/** The first of `names` on PATH. @param {readonly string[]} names */
const onPath = (names) => {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
};

await script('npm run demo:scale', async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) return console.log(usage);
  const redis = onPath(['redis-server', 'valkey-server']);
  if (redis === undefined)
    throw new Refusal('there is no redis-server and no valkey-server on PATH; install one (Debian: apt-get install redis-server)');
  const runtime = await ensureRuntime();
  await ensureInstalled('production', versionOf(runtime));
  await ensurePages(runtime, 'demo');
  return foreground(runtime, [...runtimeFlags, join(root, 'demo/scale/main.ts'), '--redis-server', redis, ...args], {
    env: runtimeEnvironment(runtime),
    lifeline: 'channel',
  });
});
