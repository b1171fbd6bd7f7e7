// Ports for programs that cannot choose one themselves, or must be restarted on the same one.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which Linux chooses ports (net.ipv4.ip_local_port_range, 32768 to 60999), so
 * that no other connection is given the port before the program listens on it.
 */
const ports = { from: 10_000, to: 32_768 };
const triesMax = 100;

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A port on which nothing listens. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInt(ports.from, ports.to);
    if (await isFree(host, port)) return port;
  }
  throw new Error(`no free port on ${host}`);
}
