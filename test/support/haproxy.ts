// In: a test, and HAProxy's configuration. Out: a real HAProxy on a free loopback port that runs
// until the test ends, and its view of its servers.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { untilListening } from './nginx.ts';
import { startProcess, type TestProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** Parts of HAProxy's configuration. */
interface HaproxyConfig {
  /** Directives of the one `backend servers`: `server a 127.0.0.1:8080 check inter 100ms`. */
  readonly backend: string;
  /** Directives of the one `frontend`, after its `bind` and `default_backend`. */
  readonly frontend?: string;
  /** Directives of `defaults`, after `mode http` and its timeouts: `option forwardfor`. */
  readonly defaults?: string;
}

/** A HAProxy under test. */
interface Haproxy {
  readonly port: number;
  /** http://127.0.0.1:PORT */
  readonly url: string;
  readonly process: TestProcess;
  /**
   * The `show stat` fields of a server of the backend: `status` is UP or DOWN, `check_status` is
   * L7OK, `last_chk` is the reason.
   */
  server(name: string): Promise<Readonly<Record<string, string>>>;
  /** Runs a command of its runtime interface: `disable server servers/a`. */
  command(line: string): Promise<string>;
}

/**
 * Starts HAProxy for the test `t` and waits until it accepts connections. Returns undefined after
 * skipping the test, which should then return.
 */
export const startHaproxy = async (
  t: TestContext,
  { backend, frontend = '', defaults = '' }: HaproxyConfig,
): Promise<Haproxy | undefined> => {
  const executable = requireTool(t, 'haproxy');
  if (executable === undefined) return undefined;
  const port = await freePort();
  const folder = tempDir(t);
  const [config, control] = [join(folder, 'haproxy.cfg'), join(folder, 'control.sock')];
  const lines = [
    'global',
    `stats socket ${control} mode 600 level admin`,
    'defaults',
    'mode http',
    'timeout connect 10s',
    'timeout client 60s',
    'timeout server 60s',
    'timeout tunnel 1h',
    'timeout check 10s',
    defaults,
    'frontend front',
    `bind 127.0.0.1:${port}`,
    frontend,
    'default_backend servers',
    'backend servers',
    backend,
    '',
  ];
  writeFileSync(config, lines.join('\n'));
  const process = startProcess(t, ['-db', '-f', config], { executable });
  await untilListening(`HAProxy on port ${port}`, port);

  const command = async (line: string): Promise<string> => {
    const socket = connect(control);
    socket.end(`${line}\n`);
    return text(socket);
  };
  const server = async (name: string): Promise<Record<string, string>> => {
    const [head = '', ...rows] = (await command('show stat')).replace(/^# /, '').trim().split('\n');
    const columns = head.split(',');
    const row = rows.map((line) => line.split(',')).find(([proxy, server]) => proxy === 'servers' && server === name);
    if (row === undefined) throw new Error(`HAProxy knows no server ${name}`);
    return Object.fromEntries(columns.map((column, index) => [column, row[index] ?? '']));
  };
  return { port, url: `http://127.0.0.1:${port}`, process, server, command };
};
