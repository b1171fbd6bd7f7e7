// In: a test, and nginx's configuration. Out: a real nginx on a free loopback port that runs until
// the test ends. It writes only to a folder of this test.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';
import { startProcess, type TestProcess } from './process.ts';
import { requireTool } from './require-tool.ts';
import { tempDir } from './temp-dir.ts';

/** Parts of nginx's configuration. */
interface NginxConfig {
  /**
   * Directives of the one `server {}`, after its `listen`: `location / { proxy_pass
   * http://127.0.0.1:8080; }`.
   */
  readonly server: string;
  /** Directives of `http {}`, before the server: `map`, `upstream`. */
  readonly http?: string;
  /** PEM files; with these, nginx listens with TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** An nginx under test. */
interface Nginx {
  readonly port: number;
  /** http(s)://127.0.0.1:PORT */
  readonly url: string;
  readonly process: TestProcess;
  /** The contents of its error log. */
  errors(): string;
  /** Lines of its access log so far: `METHOD target protocol status upstream-status`. */
  requests(): string[];
}

const LOG_FORMAT = `log_format test '$request $status $upstream_status';`;

/** Resolves when something on 127.0.0.1 accepts connections at `port`. */
export const untilListening = (what: string, port: number): Promise<true> =>
  poll(what, async () => {
    const socket = connect(port, '127.0.0.1');
    const { promise, resolve, reject } = Promise.withResolvers<true>();
    socket.once('connect', () => resolve(true)).once('error', reject);
    return promise.finally(() => socket.destroy());
  });

/**
 * Starts nginx for the test `t` and waits until it accepts connections. Returns undefined after
 * skipping the test, which should then return.
 */
export const startNginx = async (t: TestContext, { server, http = '', tls }: NginxConfig): Promise<Nginx | undefined> => {
  const executable = requireTool(t, 'nginx');
  if (executable === undefined) return undefined;
  const port = await freePort();
  const folder = tempDir(t);
  const [config, errorLog, accessLog] = ['nginx.conf', 'error.log', 'access.log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${join(folder, kind)};`);
  // Only a master process started by root may choose the user of its worker, and it must.
  const user = userInfo().uid === 0 ? [`user ${userInfo().username};`] : [];
  const certificate = tls === undefined ? [] : [`ssl_certificate ${tls.cert};`, `ssl_certificate_key ${tls.key};`];
  const lines = [
    ...user,
    'daemon off;',
    'worker_processes 1;',
    `pid ${join(folder, 'nginx.pid')};`,
    `error_log ${errorLog} info;`,
    'events { worker_connections 512; }',
    'http {',
    ...temporary,
    LOG_FORMAT,
    `access_log ${accessLog} test;`,
    http,
    'server {',
    `listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};`,
    ...certificate,
    server,
    '}',
    '}',
    '',
  ];
  writeFileSync(config, lines.join('\n'));
  const process = startProcess(t, ['-p', folder, '-c', config, '-e', errorLog], { executable });
  await untilListening(`nginx on port ${port}`, port);
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    process,
    errors: () => readFileSync(errorLog, 'utf8'),
    requests: () => readFileSync(accessLog, 'utf8').split('\n').filter(Boolean),
  };
};
