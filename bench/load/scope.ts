// In: a benchmark's work. Out: its result, after everything that it opened is closed, the last opened first.
// The support code of tests cleans up after a test; here the benchmark stands for it.
import type { TestContext } from 'node:test';

/** What test/support asks of a test. */
export type Scope = TestContext;

/** Runs `work` and then closes what it opened, whether it failed or not. */
export async function withScope<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const hooks: (() => unknown)[] = [];
  const skip = (why: string): never => {
    throw new Error(why);
  };
  const scope = { after: (hook: () => unknown) => void hooks.push(hook), skip } as unknown as Scope;
  try {
    return await work(scope);
  } finally {
    for (const hook of hooks.reverse()) await hook();
  }
}
