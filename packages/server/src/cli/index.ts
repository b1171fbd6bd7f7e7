// The program `hayate`: parses the arguments, runs the command that they name, and returns an exit
// code. A command is loaded only when it is named, so that no command waits for the modules of
// another. An error is one line on stderr.
import { didYouMean } from '../kernel/did-you-mean.ts';
import { HayateError } from '../kernel/error.ts';
import { parseFlags, refuseUnknownVariables, standardInputOption } from '../kernel/flag.ts';
import { version } from '../version.ts';
import { ask } from './ask.ts';
import type { Command, Io } from './command.ts';
import { failureOf } from './failure.ts';
import { commandHelp, programHelp } from './help.ts';
import { interruptedCode, leave, untilInterrupted, withGrace } from './interruption.ts';
import { holdLifeline } from './lifeline.ts';
import { handleSignals } from './signals.ts';
import { readStandardInput } from './standard-input.ts';
import { StandardOutput } from './standard-output.ts';

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  broadcast: async () => (await import('./broadcast.ts')).broadcast,
  watch: async () => (await import('./watch.ts')).watch,
  token: async () => (await import('./token.ts')).token,
  'build-native': async () => (await import('./build-native.ts')).buildNativeCommand,
  'archive ls': async () => (await import('./archive-ls.ts')).archiveLs,
  'archive export': async () => (await import('./archive-export.ts')).archiveExport,
  'archive erase': async () => (await import('./archive-erase.ts')).archiveErase,
  'archive verify': async () => (await import('./archive-verify.ts')).archiveVerify,
  'conformance publish': async () => (await import('./conformance-publish.ts')).conformancePublish,
  'conformance watch': async () => (await import('./conformance-watch.ts')).conformanceWatch,
  query: async () => (await import('./query.ts')).query,
};

/**
 * How long closing steps may take after an interruption, such as closing connections and writing
 * log lines.
 */
const CLOSING_MS = 900;

/**
 * Runs `hayate` with the arguments after its name. Resolves to the exit code: 0, 1 for a failure, 2
 * for wrong usage, or 128 plus the signal's number for an interruption.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const signals = handleSignals();
  const { interrupted } = signals;
  const person = process.stdin.isTTY && process.stderr.isTTY;
  const output = new StandardOutput(process.stdout);
  const io: Io = {
    stdout: output,
    stderr: process.stderr,
    // Opened on first use: a command that does not read it must not take it from its parent.
    get stdin() {
      return process.stdin;
    },
    env: process.env,
    interrupted,
    becomeService: signals.becomeService,
    ...(person ? { ask: (question: string) => ask(question, interrupted) } : {}),
  };
  const crash = (error: unknown) => {
    process.stderr.write(`hayate: ${failureOf(error).line}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
  try {
    holdLifeline(signals.interrupt);
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    io.stderr.write(`hayate: ${line}\n`);
    return exitCode;
  }
  try {
    const code = await dispatch(argv, io);
    await untilInterrupted(interrupted, output.drain()).catch(() => undefined);
    if (output.failure !== undefined) {
      process.stderr.write(`hayate: standard output: ${failureOf(output.failure).line}\n`);
      return 1;
    }
    // Abandoned work may still keep the process alive, and even delay its exit.
    if (interrupted.aborted) setTimeout(() => leave(code), code === 0 ? CLOSING_MS : 0).unref();
    return code;
  } finally {
    signals.release();
  }
}

/** Does the same as `main`, with the given `io`. */
export async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  let prefix = 'hayate';
  try {
    if (argv.length === 0 || argv[0] === '--help' || argv[0] === '-h' || (argv.length === 1 && argv[0] === 'help')) {
      const all = await allCommands();
      (argv.length === 0 ? io.stderr : io.stdout).write(programHelp(all, version));
      return argv.length === 0 ? 2 : 0;
    }
    if (argv[0] === '--version') {
      io.stdout.write(`${version}\n`);
      return 0;
    }
    const group = await commandGroup(argv);
    if (group.length > 0) {
      io.stdout.write(programHelp(group, version));
      return 0;
    }
    const name = commandName(argv);
    const command = await commands[name]?.();
    if (command === undefined) throw new HayateError('CONFIGURATION', `there is no command ${name}`);
    prefix += ` ${name}`;
    const rest = argv.slice(name.split(' ').length);
    if (asksForHelp(rest)) {
      io.stdout.write(commandHelp(command));
      return 0;
    }
    const input = await readStandardInput(standardInputOption(command.flags, rest, io.env), io);
    const args = parseFlags(command.flags, rest, io.env, input);
    await checkVariables(command, io.env);
    const running = command.run(args, io);
    const code = (await (command.stopsItself ? running : withGrace(io.interrupted, running))) ?? 0;
    return code !== 0 && io.interrupted.aborted ? interruptedCode(io.interrupted) : code;
  } catch (error) {
    const { line, exitCode } = failureOf(error);
    if (io.interrupted.aborted) {
      // Print only messages of the command itself; a closed connection is no news here.
      io.stderr.write(`${prefix}: ${error instanceof HayateError && error.code !== 'CONFIGURATION' ? line : 'interrupted'}\n`);
      return interruptedCode(io.interrupted);
    }
    const hint = exitCode === 2 ? ` (see ${prefix} --help)` : '';
    io.stderr.write(`${prefix}: ${line}${hint}\n`);
    return exitCode;
  }
}

/**
 * The commands of which `argv` asks for an overview (`hayate archive --help`); empty if it asks for
 * none.
 */
async function commandGroup(argv: readonly string[]): Promise<Command[]> {
  const [first = '', second = ''] = argv;
  if (!/^(--help|-h|help)$/.test(second)) return [];
  return (await allCommands()).filter(({ name }) => name.startsWith(`${first} `));
}

/** Finds the command whose words begin `argv`; throws an error that names the nearest one. */
function commandName(argv: readonly string[]): string {
  const names = Object.keys(commands);
  const found = names.find((name) => name.split(' ').every((word, index) => word === argv[index]));
  if (found !== undefined) return found;
  const [first = ''] = argv;
  const within = names.filter((name) => name.startsWith(`${first} `));
  const second = argv[1];
  if (within.length > 0)
    throw new HayateError(
      'CONFIGURATION',
      second === undefined || second.startsWith('-')
        ? `${first} needs a subcommand: ${within.map((name) => `hayate ${name}`).join(', ')}`
        : `there is no command "${first} ${second}"${meant(second, within)}`,
    );
  throw new HayateError('CONFIGURATION', `there is no command "${first}"${didYouMean(first, names)}`);
}

/** The nearest of a group's commands to its mistyped second word, else all of them. */
function meant(second: string, group: readonly string[]): string {
  const words = group.map((name) => name.slice(name.indexOf(' ') + 1));
  return didYouMean(second, words) || `; there are ${words.join(', ')}`;
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

/**
 * Refuses HAYATE_* variables that no command knows. Loads the other commands only if this command
 * does not know them all.
 */
async function checkVariables(command: Command, env: Io['env']): Promise<void> {
  try {
    refuseUnknownVariables(env, [command.flags]);
  } catch {
    refuseUnknownVariables(
      env,
      (await allCommands()).map(({ flags }) => flags),
    );
  }
}

export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(commands).map((load) => load()));
}
