// @ts-check
// In: a fresh clone, or any later state of it. Out: Hayate running in one process, with a demo
// broadcast, until Ctrl-C. A step is skipped if its result exists already. Arguments are passed on
// to `hayate serve`, which refuses unknown ones. Only --no-demo, --ready-timeout-ms and --help
// belong to this script. On Ctrl-C the demo ends first, then the server drains, so that the archive
// holds the whole demo. A second Ctrl-C ends both at once. However this script ends, the server
// ends too.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { endChildren, startChild, untilStopped } from './foreground.mjs';
import { ensureInstalled } from './install.mjs';
import { ensurePages } from './pages.mjs';
import { ensureRuntime, runtimeEnvironment, runtimeFlags, versionOf } from './runtime.mjs';
import { Refusal, root, script, step } from './step.mjs';

/** @typedef {import('./foreground.mjs').Running} Running */

const usage = `npm start -- [--port P] [--data DIR] [--lan] [--no-demo] [any other flag of hayate serve]

Installs what Hayate runs on, builds its pages, and starts every role in one process with a demo broadcast.
  --port P     port of pages, API and WebSockets (default 8080)
  --data DIR   where the log and the archive go (default ./data)
  --lan        HTTPS for the local network, so that a phone can watch
  --no-demo    without the demo broadcast
  --ready-timeout-ms N   how long the server may take until it is ready (default 60000)
All flags: npm run hayate -- serve --help`;

const program = join(root, 'packages/server/bin/hayate.mjs');
const demoClip = join(root, 'packages/server/demo/hello.ogg');
const readyTimeoutMs = 60_000;
/** Lines of the server that this script says in other words. */
const ownLines = /^(listening on|data:|internal port:|draining$|stopped; )/;

/** Separates this script's own arguments from the server's. @param {readonly string[]} given */
const takeOwn = (given) => {
  const own = { demo: true, readyTimeoutMs };
  const args = [];
  for (let i = 0; i < given.length; i++) {
    const arg = given[i] ?? '';
    if (arg === '--no-demo') own.demo = false;
    else if (/^--ready-timeout-ms(=|$)/.test(arg)) {
      const text = arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : (given[++i] ?? '');
      if (!/^[1-9]\d{0,8}$/.test(text)) throw new Refusal(`--ready-timeout-ms must be a whole number of at least 1, not "${text}"`);
      own.readyTimeoutMs = Number(text);
    } else args.push(arg);
  }
  return { ...own, args };
};

/**
 * The value of a flag of `hayate serve` among `args`, or of the flag's variable. The last
 * occurrence of a flag counts. An empty variable counts as unset. Do not ask for a name that ends
 * in `port`: an orchestrator may have set its variable
 * (packages/server/src/kernel/flag-injected.ts).
 * @param {readonly string[]} args
 * @param {string} name
 */
const setting = (args, name) => {
  const at = args.findLastIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  const [arg, next] = [args[at], args[at + 1]];
  if (arg !== undefined) return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : next;
  return process.env[`HAYATE_${name.toUpperCase().replaceAll('-', '_')}`] || undefined;
};

/**
 * Whether the server that this script started reports ready at `url`. The request holds no secret,
 * and the server's certificate may be for a name other than this machine's, so the certificate is
 * not checked. Only Node's options can hold a URL's zone (`[fe80::1%25eth0]`).
 * @param {string} url
 */
const isReadyAt = (url) =>
  new Promise((settle) => {
    /** @param {import('node:http').IncomingMessage} response */
    const onResponse = (response) => {
      response.resume();
      settle(response.statusCode === 200);
    };
    const [, scheme, bracketed, name, port] = /^(https?):\/\/(?:\[(.*)\]|(.*)):(\d+)$/.exec(url) ?? [];
    const host = bracketed?.replace('%25', '%') ?? name;
    // A zone means nothing to other machines (RFC 6874 section 1).
    const headers = bracketed === undefined ? {} : { Host: `[${bracketed.replace(/%.*/, '')}]:${port}` };
    const options = { host, port, path: '/readyz', headers, rejectUnauthorized: false };
    const request = scheme === 'https' ? getHttps(options, onResponse) : getHttp(options, onResponse);
    request.setTimeout(2_000, () => request.destroy());
    request.on('error', () => settle(false));
  });

/**
 * Waits until the server has printed its address and reports ready. Returns the address, the
 * certificate to trust, and the server's other lines. Later lines are printed at once.
 * @param {Running} server
 * @param {readonly string[]} args
 * @param {{ data: string, timeoutMs: number }} options
 */
const untilReady = async ({ child, exit }, args, { data, timeoutMs }) => {
  if (child.stdout === null) throw new Error('the output of the server is not piped');
  let [url, internalUrl, ended, isReady] = ['', '', false, false];
  /** @type {string[]} */
  const said = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    url ||= /^listening on (http\S+)/.exec(line)?.[1] ?? '';
    internalUrl ||= /^internal port: (http\S+)/.exec(line)?.[1] ?? '';
    if (ownLines.test(line)) return;
    // At a terminal the text would break into the line of the current step.
    if (isReady || !process.stdout.isTTY) console.log(line);
    else said.push(line);
  });
  exit.then(
    () => (ended = true),
    () => (ended = true),
  );
  const lanCertificate = join(data, 'lan-certificate.pem');
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await wait(50)) {
    if (ended) throw new Refusal('the server did not start; it says why above');
    if (url === '') continue;
    const ca = setting(args, 'tls-cert') ?? (existsSync(lanCertificate) ? lanCertificate : undefined);
    isReady = await isReadyAt(internalUrl || url);
    if (isReady) return { url, ca, said };
  }
  throw new Refusal(`the server was not ready after ${timeoutMs / 1000} s`);
};

/**
 * Starts the demo broadcast. If it ends by itself, its last words are shown and the server
 * continues without it.
 * @param {string} runtime
 * @param {string} url
 * @param {string | undefined} ca
 */
const startDemo = (runtime, url, ca) => {
  const env = { ...runtimeEnvironment(runtime), ...(ca && { NODE_EXTRA_CA_CERTS: ca }) };
  const args = [...runtimeFlags, program, 'broadcast', demoClip, '--stream', 'demo', '--loop', '--bitrate', '48000', '--server', url];
  const demo = startChild(runtime, args, { env, stdio: ['ignore', 'ignore', 'pipe'], lifeline: 'channel' });
  let lastLine = '';
  if (demo.child.stderr !== null) createInterface({ input: demo.child.stderr }).on('line', (line) => (lastLine = line));
  const end = { asked: false };
  demo.exit.then(
    () => end.asked || console.error(`The demo broadcast has ended: ${lastLine}`),
    (error) => console.error(`The demo broadcast did not start: ${error.message}`),
  );
  return async () => {
    end.asked = true;
    demo.child.kill('SIGINT');
    await demo.exit.catch(() => undefined);
  };
};

/** A path as a person would type it in a shell on this system. @param {string} path */
const typed = (path) => {
  const short = relative(process.cwd(), path);
  const shown = short.startsWith('..') ? path : short;
  return /^[\w./@+-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
};

/** Prints the archive's folder and how to hear its newest broadcast. @param {string} data */
const sayArchive = (data) => {
  console.log(`\nThe archive is in ${typed(join(data, 'archive'))}.`);
  const audio = join(data, 'archive/audio');
  const segments = existsSync(audio)
    ? readdirSync(audio, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ogg'))
    : [];
  const dated = segments.map((path) => ({ folder: join(audio, path, '..'), changed: statSync(join(audio, path)).mtimeMs }));
  const newest = dated.sort((a, b) => b.changed - a.changed)[0];
  if (newest !== undefined) console.log(`  hear the newest broadcast:  cat ${typed(newest.folder)}/*.ogg | ffplay -nodisp -autoexit -`);
  console.log(`  list what is there:         npm run hayate -- archive ls --data ${typed(data)}`);
};

/**
 * Runs the server, with the demo broadcast if wanted, until it is stopped. Returns its exit code.
 * @param {{ runtime: string, args: readonly string[], cwd: string, data: string, timeoutMs: number,
 *   demo: boolean, stopped: Promise<'stopped'> }} options
 */
const runServer = async ({ runtime, args, cwd, data, timeoutMs, demo, stopped }) => {
  const logLevel = setting(args, 'log-level') === undefined ? ['--log-level', 'warn'] : [];
  const server = startChild(runtime, [...runtimeFlags, program, 'serve', '--data', data, ...logLevel, ...args], {
    cwd,
    env: runtimeEnvironment(runtime),
    stdio: ['ignore', 'pipe', 'inherit'],
    lifeline: 'channel',
  });
  /** @type {{ url: string, ca: string | undefined, said: string[] } | undefined} */
  let ready;
  const starting = step('start the server', async () => {
    ready = await untilReady(server, args, { data, timeoutMs });
  });
  await Promise.race([starting, stopped]);
  let stopDemo = async () => {};
  if (ready !== undefined) {
    if (demo) stopDemo = startDemo(runtime, ready.url, ready.ca);
    for (const line of ready.said) console.log(line);
    console.log(`\n  Hayate runs on  ${ready.url}\n  its data is in  ${typed(data)}\n  stop it with    Ctrl-C\n`);
  }
  const end = await Promise.race([server.exit, stopped]);
  if (end !== 'stopped') throw new Refusal(`the server ended unexpectedly (exit code ${end})`);

  await stopDemo();
  server.child.kill('SIGTERM');
  const code = await server.exit;
  sayArchive(data);
  return code;
};

await script('npm start', async () => {
  const given = process.argv.slice(2);
  if (given.includes('--help') || given.includes('-h')) return console.log(usage);
  const { args, demo, readyTimeoutMs: timeoutMs } = takeOwn(given);
  const cwd = process.env.INIT_CWD ?? process.cwd();
  const data = resolve(cwd, setting(args, 'data') ?? 'data');

  const runtime = await ensureRuntime();
  await ensureInstalled('production', versionOf(runtime));
  await ensurePages(runtime);

  const stopped = untilStopped(() => console.log('\nStopping; Ctrl-C again to stop at once.'));
  try {
    return await runServer({ runtime, args, cwd, data, timeoutMs, demo, stopped });
  } finally {
    await endChildren();
  }
});
