// `hayate build-native`: compiles the C source of the native fan-out into a module for this
// machine's Node. Users run it once after an install if they want it: installing packages compiles
// nothing.
import { execFile } from 'node:child_process';
import { access, constants, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { loadNative, NODE_API_VERSION, nativeDirectory, nativeName } from '../listener/fan-out-native.ts';
import { defineCommand } from './command.ts';
import { markUnfinished } from './interruption.ts';

const flags = defineFlags({
  cc: { kind: 'string', default: 'cc', placeholder: 'PROGRAM', help: 'the C compiler' },
  output: {
    kind: 'string',
    placeholder: 'DIR',
    help: 'the directory for the module; give it to `hayate serve` as --native-directory; default: the directory of its source',
  },
});

export const buildNativeCommand = defineCommand({
  name: 'build-native',
  summary: 'compile the native fan-out, which needs less CPU to write to many viewers',
  details: 'Needs a C compiler (Debian: gcc, libc6-dev) and no network. `hayate serve` uses the module if it\nexists; see its --fan-out.',
  flags,
  async run({ cc, output = nativeDirectory }, io) {
    io.stdout.write(`${await buildNative({ cc, output, signal: io.interrupted })}\n`);
    return 0;
  },
});

/**
 * Compiles the module with `cc` into the folder `output`, loads it to check that it fits, and
 * returns its path. Rejects with HayateError CONFIGURATION if there is no compiler, the folder
 * cannot be written, or the system is Windows. Rejects with the reason of `signal` when it aborts,
 * and stops the compiler.
 */
export async function buildNative({ cc, output, signal }: { cc: string; output: string; signal?: AbortSignal }): Promise<string> {
  if (process.platform === 'win32')
    throw new HayateError('CONFIGURATION', 'there is no native fan-out for Windows; use --fan-out typescript');
  await mkdir(output, { recursive: true })
    .then(() => access(output, constants.W_OK))
    .catch((cause: unknown) => {
      throw new HayateError('CONFIGURATION', `${output} cannot be written; choose another folder with --output`, { cause });
    });
  // A temporary name until the module is complete: a server that starts meanwhile finds the old
  // module or no module.
  const unfinished = join(output, `.${process.pid}`);
  const mark = markUnfinished(unfinished);
  try {
    await mkdir(unfinished, { recursive: true });
    await compile(cc, join(unfinished, nativeName), signal);
    signal?.throwIfAborted();
    loadNative(unfinished);
    await rename(join(unfinished, nativeName), join(output, nativeName));
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    mark.finished();
  }
  return join(output, nativeName);
}

async function compile(cc: string, module: string, signal: AbortSignal | undefined): Promise<void> {
  const headers = join(dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')), 'include');
  // Node's symbols are resolved when the module is loaded; macOS needs a flag for that.
  const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const source = join(nativeDirectory, 'fan-out.c');
  const args = [
    '-std=c11',
    '-D_DEFAULT_SOURCE',
    '-O2',
    '-fPIC',
    ...link,
    `-DNAPI_VERSION=${NODE_API_VERSION}`,
    '-I',
    headers,
    source,
    '-o',
    module,
  ];
  await promisify(execFile)(cc, args, { signal }).catch((cause: NodeJS.ErrnoException & { stderr?: string }) => {
    signal?.throwIfAborted();
    if (cause.code === 'ENOENT')
      throw new HayateError(
        'CONFIGURATION',
        `there is no C compiler ${cc}: install one (Debian: apt-get install gcc libc6-dev) or name it with --cc`,
        {
          cause,
        },
      );
    throw new HayateError('CONFIGURATION', `${cc} failed: ${firstLine(cause.stderr ?? cause.message)}`, { cause });
  });
}

function firstLine(text: string): string {
  return text.split('\n').find((line) => line.trim() !== '') ?? 'it printed nothing';
}
