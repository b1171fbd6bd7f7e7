// `npm run simulate`: runs worlds that seeds make, one after another, and prints one line for each.
// For a world that breaks a promise it prints the story.
import { parseArgs } from 'node:util';
import { runRandomWorld } from './random-world.ts';

const usage = `npm run simulate [-- --seed N --runs N]

Runs the live path in simulated worlds, from the given seed on (default: one at random), so many (default 100).
Prints the seed and the story of each that breaks a promise, and ends with 1 if there was one.`;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, runs: { type: 'string', default: '100' }, help: { type: 'boolean', default: false } },
});
if (values.help) console.log(usage);
else {
  const first = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  const failed: number[] = [];
  let events = 0;
  for (let seed = first; seed < first + Number(values.runs); seed++) {
    try {
      const result = await runRandomWorld(seed);
      events += result.events;
      console.log(`seed ${seed}: ${result.frames} frames at viewers, the slowest after ${result.slowestMs.toFixed(0)} ms`);
    } catch (error) {
      failed.push(seed);
      console.log(error instanceof Error ? error.message : error);
    }
  }
  console.log(
    `${values.runs} worlds from seed ${first}, ${events} events, ${failed.length} broke a promise${failed.map((seed) => ` ${seed}`).join('')}`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}
