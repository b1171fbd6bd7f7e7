// The cost of processes so far, from /proc: CPU time by the scheduler's own count (nanoseconds, all
// threads), and memory.
import { readdirSync, readFileSync } from 'node:fs';

/** CPU microseconds, user and system, of a process and all its threads. */
export function cpuUs(pid: number): number {
  const task = `/proc/${pid}/task`;
  let ns = 0;
  for (const thread of readdirSync(task)) {
    try {
      ns += Number(readFileSync(`${task}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread has ended between the two reads.
    }
  }
  return ns / 1_000;
}

/** Resident bytes of a process. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1_024;
}

/** How long the machine's cores were busy, and how long a hypervisor gave them to others. */
export function machineTicks(): { busy: number; stolen: number; total: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), stolen: ticks[7] ?? 0, total };
}
