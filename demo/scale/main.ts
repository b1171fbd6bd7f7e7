// `npm run demo:scale`, after everything is installed: starts the scene and the page's server,
// prints the page's URL, and stops both on Ctrl-C. Nothing that it starts outlives this process.
import { parseArgs } from 'node:util';
import { holdLifeline } from '../../packages/server/src/cli/lifeline.ts';
import { untilStopped } from '../../scripts/foreground.mjs';
import { Refusal, script, step } from '../../scripts/step.mjs';
import { openControlServer } from './control-server.ts';
import { Scene } from './scene.ts';

const VIEWERS_MAX = 2_000;

/** Parses a whole number within bounds from an option. */
const wholeNumber = (name: string, text: string, max: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new Refusal(`--${name} must be a whole number up to ${max}, not "${text}"`);
  return value;
};

await script('npm run demo:scale', async () => {
  const { values } = parseArgs({
    options: {
      'redis-server': { type: 'string' },
      viewers: { type: 'string', default: '300' },
      port: { type: 'string', default: '8070' },
    },
  });
  const redisProgram = values['redis-server'];
  if (redisProgram === undefined) throw new Refusal('--redis-server is missing');
  const viewers = Math.max(1, wholeNumber('viewers', values.viewers, VIEWERS_MAX));
  const port = wholeNumber('port', values.port, 65_535);
  const stopped = Promise.race([untilStopped(), new Promise<void>((resolve) => holdLifeline(resolve))]);

  let scene: Scene | undefined;
  await step(`start three Redis, a streamer, two listeners and ${viewers} viewers`, async () => {
    scene = await Scene.start({ redisProgram, viewers });
  });
  if (scene === undefined) return 1;
  try {
    const server = await openControlServer(scene, port).catch((cause: NodeJS.ErrnoException) => {
      throw new Refusal(cause.code === 'EADDRINUSE' ? `port ${port} is in use; choose another with --port` : cause.message);
    });
    console.log(`\n  Pull the plug at  ${server.url}\n  stop it with      Ctrl-C\n`);
    await Promise.race([stopped, scene.broken]).catch((error: unknown) => {
      throw new Refusal(error instanceof Error ? error.message : String(error));
    });
    await server.close();
  } finally {
    await scene.stop();
  }
  return 0;
});
