// In: a JSON array of commands, each the words after `hayate`. Out: for each a JSON line with its
// exit code and its output. Runs them one after another in this process, whose TZ the test sets.
import { dispatch } from '../../packages/server/src/cli/index.ts';

for (const args of JSON.parse(process.argv[2] ?? '[]') as string[][]) {
  const printed: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  const code = await dispatch(args, {
    stdout: { write: (data) => printed.stdout.push(Buffer.from(data)) },
    stderr: { write: (data) => printed.stderr.push(Buffer.from(data)) },
    env: {},
    interrupted: new AbortController().signal,
  });
  const [stdout, stderr] = [Buffer.concat(printed.stdout).toString('latin1'), Buffer.concat(printed.stderr).toString()];
  process.stdout.write(`${JSON.stringify({ code, stdout, stderr })}\n`);
}
