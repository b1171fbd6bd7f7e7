// In: Kotlin sources, and Java sources that they use. Out: a JVM program, compiled by the Kotlin
// compiler from Maven Central (jvm/pom.xml) and by javac, with OkHttp and Protobuf's lite runtime.
// In a full run, the first use on a machine fetches the jars.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { ensureJars, type JvmTools, requireJvm } from './maven.ts';
import { root, runProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

const pom = join(root, 'test/support/jvm/pom.xml');
const jarsFolder = (): string => join(root, '.cache/jvm', createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 16));

/** The tools that compile and run a Kotlin program. */
type KotlinTools = JvmTools & { readonly javac: string };

/**
 * The compilers, with their jars. Returns undefined after skipping the test `t`, which should then
 * return.
 */
export const requireKotlin = async (t: TestContext): Promise<KotlinTools | undefined> => {
  const tools = requireJvm(t, jarsFolder(), 'the Kotlin compiler');
  const javac = tools && requireTool(t, 'javac');
  if (tools === undefined || javac === undefined) return undefined;
  await ensureJars(t, tools, pom, jarsFolder());
  return { ...tools, javac };
};

/** Few threads and a quick start, for programs that run for seconds. */
const jvmArguments = ['-Xmx768m', '-Dfile.encoding=UTF-8', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
const compileTimeoutMs = 540_000;

const run = async (t: TestContext, executable: string, args: readonly string[]): Promise<void> => {
  const { code, lines } = await runProcess(t, args, { executable, timeoutMs: compileTimeoutMs });
  if (code !== 0) throw new Error(`${basename(executable)} ${args.at(-1)}:\n${lines.slice(-40).join('\n')}`);
};

/** Every Java file below `folder`. */
const javaBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.java'))
    .map((path) => join(folder, path));

/** Identifies the inputs of the classes: other sources or other jars are compiled again. */
const digestOf = (sources: Readonly<Record<string, string>>, javaFolder: string): string => {
  const hash = createHash('sha256').update(jarsFolder());
  for (const [name, source] of Object.entries(sources)) hash.update(`\0${name}\0${source}`);
  for (const path of javaBelow(javaFolder).sort()) hash.update(`\0${basename(path)}\0`).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
};

/**
 * Compiles `sources` (file name to Kotlin), after the Java below `javaFolder`, which they may use.
 * Returns the arguments for `java` that precede the main class. Throws with the compiler's output
 * if it rejects them. Compiling takes much longer than running, so the classes of the same sources
 * are kept in .cache/.
 */
export const compileKotlin = async (
  t: TestContext,
  { java, javac }: KotlinTools,
  sources: Readonly<Record<string, string>>,
  javaFolder: string,
): Promise<string[]> => {
  const jars = readdirSync(jarsFolder())
    .filter((name) => !/^kotlin-(compiler|daemon|script)/.test(name))
    .map((name) => join(jarsFolder(), name));
  const classes = join(root, '.cache/kotlin', digestOf(sources, javaFolder));
  const classPath = (folder: string): string => [folder, ...jars].join(':');
  if (!existsSync(classes)) {
    const folder = tempDir(t);
    for (const [name, source] of Object.entries(sources)) writeFileSync(join(folder, name), source);
    mkdirSync(dirname(classes), { recursive: true });
    const part = mkdtempSync(`${classes}.part-`);
    const quick = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC', '-proc:none', '-nowarn'];
    await run(t, javac, [...quick, '-d', part, '-cp', classPath(part), ...javaBelow(javaFolder)]);
    const compiler = ['-cp', join(jarsFolder(), '*'), 'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler'];
    const options = ['-no-stdlib', '-no-reflect', '-nowarn', '-cp', classPath(part), '-d', part];
    const files = Object.keys(sources).map((name) => join(folder, name));
    await run(t, java, [...jvmArguments, ...compiler, ...options, ...files]);
    if (!existsSync(classes)) renameSync(part, classes);
  }
  return [...jvmArguments, '-cp', classPath(classes)];
};
