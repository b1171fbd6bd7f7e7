// Routes the calls of node:fs/promises to the machine that owns their path, while a test runs. All
// modules of the process are affected, whenever they were imported: Node updates the bindings of
// its own modules. Product code needs no seam for it.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { cleanUp, type TestScope } from '../clean-up.ts';

type Original = (...args: unknown[]) => Promise<unknown>;

/** Owns paths, and makes the calls that concern them. */
export interface FileCalls {
  owns(path: string): boolean;
  /** Makes the call of this name in node:fs/promises. */
  call(name: string, args: unknown[]): Promise<unknown>;
}

const owners = new Set<FileCalls>();
const originals = new Map<string, Original>();

/** Gives `owner` the calls with paths that it owns, until the test `t` ends. */
export function routeFileCalls(t: TestScope, owner: FileCalls): void {
  owners.add(owner);
  if (owners.size === 1) install();
  cleanUp(t, () => {
    owners.delete(owner);
    if (owners.size === 0) uninstall();
  });
}

function install(): void {
  for (const [name, original] of Object.entries(fs) as [string, unknown][]) {
    if (typeof original !== 'function') continue;
    const call = original as Original;
    originals.set(name, call);
    const routed = (...args: unknown[]) => {
      const owner = [...owners].find((one) => one.owns(String(args[0])));
      return owner === undefined ? call(...args) : owner.call(name, args);
    };
    Object.assign(fs, { [name]: routed });
  }
  syncBuiltinESMExports();
}

function uninstall(): void {
  Object.assign(fs, Object.fromEntries(originals));
  originals.clear();
  syncBuiltinESMExports();
}
