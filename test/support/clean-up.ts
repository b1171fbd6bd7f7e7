// In: what a test opened. Out: it is closed when the test ends, whether it passed or failed, the last opened first.
// node:test runs its own `after` hooks in the order they were added, which would remove a folder before the process that
// writes there has stopped; so every support file here registers with this one stack instead.

type Action = () => void | Promise<void>;

/** What ends some time: a test, or a whole file of them. */
export interface TestScope {
  after(action: Action): void;
}

const stacks = new WeakMap<TestScope, Action[]>();

/** Runs `action` after the test `t`, in reverse order of the calls. All actions run; what they throw fails the test. */
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
