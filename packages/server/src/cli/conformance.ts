// The common part of both conformance commands. In: their flags and a client under test. Out: the
// result of each rule on standard output and as JUnit XML, and exit code 0 if the client broke no
// rule.
import { randomInt } from 'node:crypto';
import { scenariosOf } from '../conformance/index.ts';
import { isClean, junitReport, scenarioLine, textReport } from '../conformance/report.ts';
import { runScenarios } from '../conformance/run.ts';
import type { Scenario, Side } from '../conformance/scenario.ts';
import { didYouMean } from '../kernel/did-you-mean.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags, type FlagValues } from '../kernel/flag.ts';
import type { Io } from './command.ts';
import { openOutput } from './output-file.ts';
import { terminalLines } from './terminal-text.ts';

/** The flags of both commands. */
export const conformanceFlags = defineFlags({
  command: {
    kind: 'list',
    positional: true,
    verbatim: true,
    help: 'the client, started once for each scenario; without it the kit prints the address of each scenario and waits for a client',
  },
  scenario: { kind: 'list', placeholder: 'NAME,…', help: 'only these scenarios; default: all except the slow ones' },
  slow: { kind: 'boolean', help: 'also the slow scenarios' },
  list: { kind: 'boolean', help: 'print the scenarios and the rules that each checks, and stop' },
  seed: {
    kind: 'number',
    min: 0,
    max: 4_294_967_295,
    help: 'seed of random times and payloads; default: a new one in each run; printed at the end',
  },
  junit: {
    kind: 'string',
    placeholder: 'FILE',
    help: 'file for the results as JUnit XML; -: standard output, instead of the text',
  },
  jobs: {
    kind: 'number',
    default: 6,
    min: 1,
    max: 64,
    help: 'scenarios that run at once, each with its own client; without COMMAND they run one after another',
  },
  host: { kind: 'string', default: '127.0.0.1', help: 'address to listen on' },
  port: {
    kind: 'number',
    default: 0,
    min: 0,
    max: 65_000,
    help: 'port of the scenarios; scenarios that run at once also use the ports after it; 0: any free ports',
  },
});

/** Runs the scenarios of `side`; resolves to the exit code. */
export async function runConformance(side: Side, args: FlagValues<typeof conformanceFlags>, io: Io): Promise<number> {
  const scenarios = chosen(side, args);
  if (args.list) {
    for (const { name, about, rules, slow } of scenarios)
      io.stdout.write(`${name}: ${about}${slow ? ' (slow)' : ''}; ${rules.join(' ')}\n`);
    return 0;
  }
  const file = args.junit === undefined ? undefined : openOutput('--junit', args.junit, io, 'complete');
  const seed = args.seed ?? randomInt(2 ** 32);
  try {
    const results = await runScenarios({
      side,
      scenarios,
      seed,
      host: args.host,
      port: args.port,
      command: args.command.length === 0 ? undefined : args.command,
      jobs: args.jobs,
      invite: ({ name, about }, { server, stream, token }) =>
        io.stderr.write(`${name}: ${about}\n  server ${server}\n  stream ${stream}\n  token  ${token}\n`),
      onResult: (result) => io.stderr.write(scenarioLine(result)),
      interrupted: io.interrupted,
    });
    const report = { side, seed, results };
    if (args.junit !== '-') io.stdout.write(terminalLines(textReport(report)));
    file?.write(new TextEncoder().encode(junitReport(report)));
    file?.complete();
    return isClean(report) ? 0 : 1;
  } finally {
    file?.close();
  }
}

function chosen(side: Side, { scenario, slow }: FlagValues<typeof conformanceFlags>): readonly Scenario[] {
  const all = scenariosOf[side];
  const names = all.map(({ name }) => name);
  for (const name of scenario)
    if (!names.includes(name)) throw new HayateError('CONFIGURATION', `there is no scenario "${name}"${didYouMean(name, names)}`);
  if (scenario.length > 0) return all.filter(({ name }) => scenario.includes(name));
  return all.filter((known) => slow || known.slow !== true);
}
