// In: something that a test opened. Out: it is closed when the test ends, whether the test passed
// or failed; the last one opened is closed first. node:test runs its own `after` hooks in the order
// in which they were added, which would remove a folder before the process that writes there has
// stopped. Every support file therefore registers with this one stack.

type Action = () => void | Promise<void>;

/** The lifetime that a resource is bound to: a test, or a whole test file. */
export interface TestScope {
  after(action: Action): void;
}

const stacks = new WeakMap<TestScope, Action[]>();

/**
 * Runs `action` after the test `t`, in reverse order of the calls. All actions run; an error that
 * one throws fails the test.
 */
export const cleanUp = (t: TestScope, action: Action): void => {
  const known = stacks.get(t);
  if (known !== undefined) {
    known.push(action);
    return;
  }
  const stack = [action];
  stacks.set(t, stack);
  t.after(async () => {
    const errors: unknown[] = [];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      try {
        await next();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} clean-up actions failed: ${errors.map(String).join('; ')}`);
  });
};
