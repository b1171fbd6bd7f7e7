// `hayate serve`: runs the server, in one process or in several, until it is interrupted, then
// drains it. The server's address goes to standard output, logs to standard error.
import { once } from 'node:events';
import { renderUnicodeCompact } from 'uqr';
import { injectedVariables } from '../kernel/flag-injected.ts';
import { type RunningServer, startServer } from '../main.ts';
import { type ServeSettings, serveFlags } from '../serve-flags.ts';
import { defineCommand, type Io } from './command.ts';
import { descriptorHint } from './descriptor-hint.ts';
import { untilInterrupted } from './interruption.ts';

export const serve = defineCommand({
  name: 'serve',
  summary: 'run the server: all roles in one process, or the roles of --roles, in --workers processes',
  flags: serveFlags,
  stopsItself: true,
  async run(settings, io) {
    let running: RunningServer | undefined;
    io.becomeService?.(() => void running?.reload());
    const starting = settings.workers > 1 ? (await import('../worker/worker-group.ts')).startWorkers(settings) : startServer(settings);
    const server = await untilInterrupted(io.interrupted, starting);
    running = server;
    announce(server, settings, io);
    if (!io.interrupted.aborted) await once(io.interrupted, 'abort');
    io.stdout.write('draining\n');
    await server.drain();
    io.stdout.write(`stopped; the archive is in ${server.archiveDirectory}\n`);
    return 0;
  },
});

function announce(server: RunningServer, settings: ServeSettings, { stdout, env }: Io): void {
  const [injected, ...more] = injectedVariables(env);
  if (injected !== undefined) {
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    stdout.write(`ignored, since Kubernetes or Docker sets these variables to describe a service: ${injected}${others}\n`);
  }
  if (server.development) {
    stdout.write(
      'DEVELOPMENT MODE: every user of this machine has every right on this server. Give --jwt-secret or --jwks to run it for others.\n',
    );
    if (server.pairedUrl !== undefined && server.lanUrls.length === 0) stdout.write(`through a forwarded port: ${server.pairedUrl}\n`);
  }
  for (const url of server.lanUrls) stdout.write(`${renderUnicodeCompact(url)}\non this network: ${url}\n`);
  if (server.lanUrls.length > 0) stdout.write('A browser warns once about the certificate, because it is self-signed.\n');
  if (server.internalUrl !== undefined) stdout.write(`internal port: ${server.internalUrl}\n`);
  const hint = descriptorHint(settings);
  if (hint !== undefined) stdout.write(`${hint}\n`);
  stdout.write(`data: ${settings.data}\nlistening on ${server.url}\n`);
}
