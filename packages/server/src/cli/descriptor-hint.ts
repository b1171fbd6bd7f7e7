// Warns if the process may open fewer files and sockets than its settings allow. The system would
// then refuse clients without a close code. In: settings and this process's limit. Out: one line,
// or nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServeSettings } from '../serve-flags.ts';

/** For files, logs, Redis, Kafka, the store and the descriptors that Node itself opens. */
const OTHER_DESCRIPTORS = 256;

/**
 * The number of descriptors that this process may open; undefined if there is no limit or it is
 * unknown.
 */
function descriptorLimit(): number | undefined {
  const [, soft = ''] = /^Max open files +(\S+)/m.exec(limitsText()) ?? [];
  return /^\d+$/.test(soft) ? Number(soft) : undefined;
}

function limitsText(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Other systems have no such file; a shell inherits the limit.
  }
  if (process.platform === 'win32') return '';
  try {
    return `Max open files ${execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })}`;
  } catch {
    return '';
  }
}

/**
 * Returns one line if `limit` is too low for --connections-max. Node has already raised `limit` as
 * far as it may.
 */
export function descriptorHint({ connectionsMax, workers }: ServeSettings, limit = descriptorLimit()): string | undefined {
  const needed = connectionsMax + OTHER_DESCRIPTORS;
  if (limit === undefined || limit >= needed) return undefined;
  const each = workers > 1 ? ' in each worker' : '';
  return (
    `hint: --connections-max ${connectionsMax} needs ${needed} open files${each}, and the limit here is ${limit}: ` +
    `raise it (ulimit -Hn ${needed}, LimitNOFILE= of systemd, --ulimit nofile= of Docker) or lower --connections-max`
  );
}
