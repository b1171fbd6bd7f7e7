// In: a benchmark's work. Out: its result, after everything that it opened is closed, in reverse
// order. The support code of tests cleans up after a test; a scope takes the place of that test.
import type { TestContext } from 'node:test';

/** The part of a test's context that test/support needs. */
export type Scope = TestContext;

/** Runs `work` and then closes everything that it opened, even after a failure. */
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
