// A hint when the process may open fewer files and sockets than its settings allow: clients would be refused by the system, with
// no close code. In: settings and this process's limit. Out: one line, or nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServeSettings } from '../serve-flags.ts';

/** Files, logs, Redis, Kafka, the store and what Node opens for itself. */
const OTHER_DESCRIPTORS = 256;

/** The most descriptors that this process may open; undefined: no limit, or it cannot be told. */
export function descriptorLimit(): number | undefined {
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

/** One line if `limit`, which Node has raised as far as it may, is too low for --connections-max. */
export function descriptorHint({ connectionsMax, workers }: ServeSettings, limit = descriptorLimit()): string | undefined {
  const needed = connectionsMax + OTHER_DESCRIPTORS;
  if (limit === undefined || limit >= needed) return undefined;
  const each = workers > 1 ? ' in each worker' : '';
  return (
    `hint: --connections-max ${connectionsMax} needs ${needed} open files${each}, and the limit here is ${limit}: ` +
    `raise it (ulimit -Hn ${needed}, LimitNOFILE= of systemd, --ulimit nofile= of Docker) or lower --connections-max`
  );
}
