// @ts-check
// In: a fresh clone, or any later state of it. Out: Hayate running in one process, with a demo broadcast, until Ctrl-C.
// Each step is skipped when its result is there already. What is given is passed on to `hayate serve`, which refuses what it
// does not know; only --no-demo and --help are ours. On Ctrl-C the demo ends first, then the server drains, so that all of
// the demo is in the archive; a second Ctrl-C ends both at once.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { endSignals, startChild } from './foreground.mjs';
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
All flags: npm run hayate -- serve --help`;

const program = join(root, 'packages/server/bin/hayate.mjs');
const demoClip = join(root, 'packages/server/demo/hello.ogg');
const startMsMax = 60_000;
/** What the server says that is said here in other words. */
const ownLines = /^(listening on|data:|internal port:|draining$|stopped; )/;

/** The value of a flag of serve among `args`, or of its variable. @param {readonly string[]} args @param {string} name */
const setting = (args, name) => {
  const at = args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  const [arg, next] = [args[at], args[at + 1]];
  if (arg !== undefined) return arg.includes('=') ? arg.slice(arg.indexOf('=') + 1) : next;
  return process.env[`HAYATE_${name.toUpperCase().replaceAll('-', '_')}`];
};

/** Settles at the first signal to end; the second one ends this process, and with it its children, at once. */
const untilStopped = () => {
  let asked = false;
  return new Promise((settle) => {
    for (const signal of endSignals)
      process.on(signal, () => {
        if (asked) process.exit(130);
        asked = true;
        console.log('\nStopping; Ctrl-C again to stop at once.');
        settle('stopped');
      });
  });
};

/** Whether `url` answers with success. @param {string} url @param {string | undefined} ca a PEM file to trust */
const answers = (url, ca) =>
  new Promise((settle) => {
    /** @param {import('node:http').IncomingMessage} response */
    const onResponse = (response) => {
      response.resume();
      settle(response.statusCode === 200);
    };
    const request = url.startsWith('https:') ? getHttps(url, { ca: ca && readFileSync(ca) }, onResponse) : getHttp(url, onResponse);
    request.setTimeout(2_000, () => request.destroy());
    request.on('error', () => settle(false));
  });

/**
 * Waits until the server has said where it listens and calls itself ready; returns its address, the certificate to trust, and
 * what else it has said. What it says later is printed at once.
 * @param {Running} server
 * @param {readonly string[]} args
 * @param {string} data
 */
const untilReady = async ({ child, exit }, args, data) => {
  if (child.stdout === null) throw new Error('the output of the server is not piped');
  let [url, internalUrl, ended, isReady] = ['', '', false, false];
  /** @type {string[]} */
  const said = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    url ||= /^listening on (http\S+)/.exec(line)?.[1] ?? '';
    internalUrl ||= /^internal port: (http\S+)/.exec(line)?.[1] ?? '';
    if (ownLines.test(line)) return;
    if (isReady) console.log(line);
    else said.push(line);
  });
  exit.then(
    () => (ended = true),
    () => (ended = true),
  );
  const lanCertificate = join(data, 'lan-certificate.pem');
  for (const deadline = performance.now() + startMsMax; performance.now() < deadline; await wait(50)) {
    if (ended) throw new Refusal('the server did not start; it says why above');
    if (url === '') continue;
    const ca = setting(args, 'tls-cert') ?? (existsSync(lanCertificate) ? lanCertificate : undefined);
    isReady = await answers(`${internalUrl || url}/readyz`, ca);
    if (isReady) return { url, ca, said };
  }
  throw new Refusal(`the server was not ready after ${startMsMax / 1000} s`);
};

/**
 * Starts the demo broadcast. If it ends by itself, its last words are shown; the server goes on without it.
 * @param {string} runtime
 * @param {string} url
 * @param {string | undefined} ca
 */
const startDemo = (runtime, url, ca) => {
  const env = { ...runtimeEnvironment(runtime), ...(ca && { NODE_EXTRA_CA_CERTS: ca }) };
  const args = [...runtimeFlags, program, 'broadcast', demoClip, '--stream', 'demo', '--loop', '--server', url];
  const demo = startChild(runtime, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
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

/** A path as a person here would type it in a shell. @param {string} path */
const typed = (path) => {
  const short = relative(process.cwd(), path);
  const shown = short.startsWith('..') ? path : short;
  return /^[\w./@+-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
};

/** Says where the archive lies and how to hear its newest broadcast. @param {string} data */
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

await script('npm start', async () => {
  const given = process.argv.slice(2);
  if (given.includes('--help') || given.includes('-h')) return console.log(usage);
  const args = given.filter((arg) => arg !== '--no-demo');
  const cwd = process.env.INIT_CWD ?? process.cwd();
  const data = resolve(cwd, setting(args, 'data') ?? 'data');

  const runtime = await ensureRuntime();
  await ensureInstalled('production', versionOf(runtime));
  await ensurePages(runtime);

  const stopped = untilStopped();
  const logLevel = setting(args, 'log-level') === undefined ? ['--log-level', 'warn'] : [];
  const server = startChild(runtime, [...runtimeFlags, program, 'serve', '--data', data, ...logLevel, ...args], {
    cwd,
    env: runtimeEnvironment(runtime),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  /** @type {{ url: string, ca: string | undefined, said: string[] } | undefined} */
  let ready;
  const starting = step('start the server', async () => {
    ready = await untilReady(server, args, data);
  });
  await Promise.race([starting, stopped]);
  let stopDemo = async () => {};
  if (ready !== undefined) {
    if (!given.includes('--no-demo')) stopDemo = startDemo(runtime, ready.url, ready.ca);
    for (const line of ready.said) console.log(line);
    console.log(`\n  Hayate runs on  ${ready.url}\n  its data is in  ${typed(data)}\n  stop it with    Ctrl-C\n`);
  }
  const end = await Promise.race([server.exit, stopped]);
  if (end !== 'stopped') throw new Refusal(`the server ended by itself (exit code ${end})`);

  await stopDemo();
  server.child.kill('SIGTERM');
  const code = await server.exit;
  sayArchive(data);
  return code;
});
