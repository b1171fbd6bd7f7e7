// One Redis of the demo: a real server on loopback. Only this process starts and signals it,
// through the handle of the child, so a signal cannot reach another process.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { ShardAction, ShardCondition } from '../../packages/web/src/scale/scene.ts';
import { type Running, startChild } from '../../scripts/foreground.mjs';

const HOST = '127.0.0.1';

/** A Redis, running or killed. */
export class DemoRedis {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  #running: Running | undefined;
  #condition: ShardCondition = 'dead';

  private constructor(port: number, { program, folder }: { program: string; folder: string }) {
    this.port = port;
    this.#program = program;
    this.#folder = folder;
  }

  /**
   * Starts `program` (redis-server or valkey-server) on a free port; resolves when it accepts
   * connections.
   */
  static async start(parts: { program: string; folder: string }): Promise<DemoRedis> {
    const redis = new DemoRedis(await freePort(), parts);
    await redis.#start();
    return redis;
  }

  get address(): string {
    return `${HOST}:${this.port}`;
  }

  get condition(): ShardCondition {
    return this.#condition;
  }

  /** Does what the visitor asked for; false if the current state does not allow it. */
  async act(action: ShardAction): Promise<boolean> {
    const from: Readonly<Record<ShardAction, readonly ShardCondition[]>> = {
      kill: ['running', 'hung'],
      hang: ['running'],
      resume: ['hung'],
      start: ['dead'],
    };
    if (!from[action].includes(this.#condition)) return false;
    if (action === 'kill') await this.stop();
    else if (action === 'start') await this.#start();
    else {
      this.#running?.child.kill(action === 'hang' ? 'SIGSTOP' : 'SIGCONT');
      this.#condition = action === 'hang' ? 'hung' : 'running';
    }
    return true;
  }

  /** Kills it, if it runs, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#running?.child.kill('SIGKILL');
    await this.#running?.exit;
    this.#condition = 'dead';
  }

  async #start(): Promise<void> {
    this.#condition = 'starting';
    // As in docs/operate/redis.md: nothing is stored.
    const limits = ['--client-output-buffer-limit', 'pubsub 32mb 8mb 5'];
    const args = ['--port', String(this.port), '--bind', HOST, '--save', '', '--appendonly', 'no', ...limits];
    const running = startChild(this.#program, args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'ignore'], lifeline: 'shell' });
    this.#running = running;
    const { stdout } = running.child;
    if (stdout === null) throw new Error('the output of Redis is not piped');
    const lines = createInterface({ input: stdout });
    const isReady = new Promise<void>((resolve) => {
      lines.on('line', (line) => /Ready to accept connections/i.test(line) && resolve());
    });
    const ended = running.exit.then((code) => {
      if (this.#running === running) this.#condition = 'dead';
      throw new Error(`${this.#program} ended with exit code ${code}`);
    });
    ended.catch(() => undefined);
    await Promise.race([isReady, ended]);
    this.#condition = 'running';
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('a listening socket has no port');
  return address.port;
}
