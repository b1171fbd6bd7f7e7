// @ts-check
// `npm run soak`: repeats the archive's chaos tests, each time with another seed, and longer mixes
// of the same faults. In: how many minutes. Out: a line for each round, the figures of all rounds,
// and exit code 1 at the first failure, with the command that repeats it.
import { spawn } from 'node:child_process';
import { ensureInstalled } from './install.mjs';
import { ensureRuntime, runtimeEnvironment, versionOf } from './runtime.mjs';
import { Refusal, root, script } from './step.mjs';

const usage = `npm run soak [-- [--minutes N] [--faults N] [--seed N] [--keep DIR] [WORD…]]

Runs the archive's chaos tests, those whose round has one of the words in its name: mix, file, kafka; one round after the other
until the minutes (default 10) are over. What is missing on this machine is a failure, not a skip.
  --faults N    how often a mix strikes (default 20)
  --seed N     of the first round; each next one has the next (default: any)
  --keep DIR   what a failed round leaves behind is copied there: journals, log, archive`;

/** A round: a test file, and the tests in it. */
const rounds = [
  { name: 'mix on a machine', file: 'test/chaos/archive-mix.test.ts', only: 'a machine survives' },
  { name: 'mix on a cluster', file: 'test/chaos/archive-mix.test.ts', only: 'a cluster survives' },
  { name: 'file', file: 'test/chaos/archive-file.test.ts', only: '' },
  { name: 'kafka', file: 'test/chaos/archive-kafka.test.ts', only: '' },
];

/** @param {readonly string[]} words */
const readOptions = (words) => {
  const options = { minutes: 10, faults: 20, seed: Date.now() % 2 ** 31, keep: '', names: /** @type {string[]} */ ([]) };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--keep') options.keep = rest.shift() ?? '';
    else if (word === '--minutes' || word === '--faults' || word === '--seed') {
      const number = Number(rest.shift());
      if (!Number.isInteger(number) || number < 1) throw new Refusal(`${word} takes a whole number`);
      options[/** @type {'minutes' | 'faults' | 'seed'} */ (word.slice(2))] = number;
    } else if (word.startsWith('--')) throw new Refusal(`${word} is unknown\n\n${usage}`);
    else options.names.push(word);
  }
  return options;
};

/**
 * Runs one round to its end. Prints the round's output only if it fails.
 * @param {string} runtime
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ passed: boolean, output: string }>}
 */
const runRound = (runtime, args, env) =>
  new Promise((resolve, reject) => {
    const child = spawn(runtime, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ passed: code === 0, output }));
  });

/**
 * Adds up the numbers that `pattern` captures in the last lines of the campaigns.
 * @param {string} output
 * @param {RegExp} pattern
 */
const sum = (output, pattern) => [...output.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);

await script('npm run soak', async () => {
  if (process.argv.includes('--help')) return console.log(usage);
  const { minutes, faults, seed: firstSeed, keep, names } = readOptions(process.argv.slice(2));
  const chosen = rounds.filter(({ name }) => names.length === 0 || names.some((word) => name.includes(word)));
  if (chosen.length === 0) throw new Refusal(`no round's name contains ${names.join(' or ')}`);
  const runtime = await ensureRuntime();
  await ensureInstalled('full', versionOf(runtime));
  const figures = { rounds: 0, kills: 0, frames: 0 };
  const endMs = performance.now() + minutes * 60_000;
  for (let seed = firstSeed; performance.now() < endMs; seed++) {
    const round = chosen[(seed - firstSeed) % chosen.length];
    if (round === undefined) break;
    const variables = {
      HAYATE_TEST_SEED: String(seed),
      HAYATE_TEST_FAULTS: String(faults),
      ...(keep === '' ? {} : { HAYATE_TEST_KEEP: keep }),
    };
    const args = ['--test', ...(round.only === '' ? [] : ['--test-name-pattern', round.only]), round.file];
    const env = { ...runtimeEnvironment(runtime), HAYATE_TEST_FULL: '1', ...variables };
    const { passed, output } = await runRound(runtime, args, env);
    const kills = sum(output, /(\d+) kills/g);
    const frames = sum(output, /(\d+) frames checked/g);
    figures.rounds++;
    figures.kills += kills;
    figures.frames += frames;
    console.log(`${passed ? 'survived' : 'FAILED'} ${round.name}, seed ${seed}: ${kills} kills, ${frames} frames checked`);
    if (passed) continue;
    console.log(output);
    const again = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    console.log(`repeat: ${again.join(' ')} npx node ${args.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')}`);
    return 1;
  }
  console.log(`${figures.rounds} rounds, ${figures.kills} kills survived, ${figures.frames} frames checked`);
  return 0;
});
