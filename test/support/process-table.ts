// In: a text. Out: the processes of this machine whose command line contains it. A test that gives
// its programs a folder of their own finds them by that folder, including those that it did not
// start itself.
import { execFileSync } from 'node:child_process';

/** A process as `ps` shows it. */
export interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** The processes whose command line contains `text`, except zombies. */
export function processesWith(text: string): ListedProcess[] {
  const listing = execFileSync('ps', ['-axww', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'utf8' });
  return listing.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return command.includes(text) && !state.startsWith('Z') ? [{ pid: Number(pid), parent: Number(parent), command }] : [];
  });
}

/** The child processes of `pid`, and their descendants. */
export function descendantsOf(pid: number): ListedProcess[] {
  const all = processesWith('');
  const below = (parent: number): ListedProcess[] => all.filter((one) => one.parent === parent).flatMap((one) => [one, ...below(one.pid)]);
  return below(pid);
}

/** The processes of `processes` that still run. */
export function stillRunning(processes: readonly ListedProcess[]): ListedProcess[] {
  const now = new Set(processesWith('').map(({ pid, command }) => `${pid} ${command}`));
  return processes.filter(({ pid, command }) => now.has(`${pid} ${command}`));
}
