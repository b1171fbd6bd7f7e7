// The demo's own small server: the page, its state, and the buttons. It listens on loopback and
// answers only to that name. It accepts actions only from its own page, so a script of another site
// cannot press a button.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { getRequestListener } from '@hono/node-server';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { createApplication } from '../../packages/server/src/api/api.ts';
import { addPageRoutes } from '../../packages/server/src/api/page-routes.ts';
import { createContext } from '../../packages/server/src/kernel/context.ts';
import { HayateError } from '../../packages/server/src/kernel/error.ts';
import { ShardActions } from '../../packages/web/src/scale/scene.ts';
import type { Scene } from './scene.ts';

const SNAPSHOT_MS = 250;
const HOST = '127.0.0.1';
const pages = fileURLToPath(new URL('../../packages/web/dist/demo', import.meta.url));
const ActionBody = z.strictObject({ shard: z.int().min(1).max(16), action: z.enum(ShardActions) });

/** The server of the demo's page. */
interface ControlServer {
  /** http://localhost:port */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `scene` on `port`; 0 picks a free port. Rejects with the system's error if the port is
 * taken.
 */
export async function openControlServer(scene: Scene, port: number): Promise<ControlServer> {
  const app = createApplication(createContext({ logLevel: 'silent' }));
  const server = createServer(getRequestListener(app.fetch));
  const ownHosts = () => ['localhost', HOST].map((name) => `${name}:${(server.address() as AddressInfo | null)?.port}`);
  app.use('*', async (context, next) => {
    // Against DNS rebinding: the page must have been opened under a name of this machine.
    if (!ownHosts().includes(context.req.header('Host') ?? '')) throw new HayateError('FORBIDDEN', 'the demo answers only on localhost');
    await next();
  });
  app.get('/', (context) => context.redirect('/scale'));
  addSceneRoutes(app, scene);
  addPageRoutes(app, pages, ['/scale']);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function addSceneRoutes(app: OpenAPIHono, scene: Scene): void {
  app.get('/demo/scene', (context) => context.json(scene.address, 200, { 'Cache-Control': 'no-store' }));
  app.get('/demo/snapshots', (context) =>
    streamSSE(context, async (stream) => {
      while (!stream.aborted) {
        if (scene.snapshot !== undefined) await stream.writeSSE({ data: JSON.stringify(scene.snapshot) });
        await stream.sleep(SNAPSHOT_MS);
      }
    }),
  );
  app.post('/demo/action', async (context) => {
    // Browsers set the origin of every POST, and a script of another site cannot forge it.
    if (context.req.header('Origin') !== `http://${context.req.header('Host')}`)
      throw new HayateError('FORBIDDEN', "only the demo's own page may send this request");
    if (context.req.header('Content-Type') !== 'application/json') throw new HayateError('BAD_REQUEST', 'the request is not JSON');
    const parsed = ActionBody.safeParse(await context.req.json().catch(() => undefined));
    if (!parsed.success) throw new HayateError('BAD_REQUEST', 'the request is not { "shard": number, "action": "kill" | "hang" | … }');
    const { shard, action } = parsed.data;
    if (await scene.act(shard, action)) return context.json({ done: true });
    return context.json({ error: { code: 'CONFLICT', message: `Redis ${shard} cannot do "${action}" in its current state` } }, 409);
  });
}
