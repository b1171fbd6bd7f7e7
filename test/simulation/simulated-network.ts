// The network between processes and Redis servers: connections that delay data, cut it into pieces,
// stall, break, or seem open after the other end has gone. Data that a path holds back is not lost:
// TCP sends it again, and it arrives late.
import type { ByteConnection, ConnectionEvents } from '../../packages/server/src/shard/redis/dial.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { Phase, type VirtualTime } from './virtual-time.ts';

/** Delays of a path, one way, milliseconds. */
interface PathDelay {
  readonly delayMs: number;
  /** Maximum of the additional delay, drawn each time. */
  readonly jitterMs: number;
}

/** The path between one process and one server. */
export class Path {
  delay: PathDelay;
  /** Whether data in this direction is stalled. */
  readonly blocked = { toServer: false, toClient: false };
  /** This share of the messages to subscribers is lost, though Redis counted the receiver. */
  lossShare = 0;
  readonly connections = new Set<SimulatedConnection>();
  readonly #time: VirtualTime;
  readonly random: SeededRandom;

  constructor(time: VirtualTime, random: SeededRandom, delay: PathDelay) {
    this.#time = time;
    this.random = random;
    this.delay = delay;
  }

  drawDelayMs(): number {
    return this.delay.delayMs + this.random.between(0, this.delay.jitterMs);
  }

  block(direction: 'toServer' | 'toClient' | 'both'): void {
    if (direction !== 'toClient') this.blocked.toServer = true;
    if (direction !== 'toServer') this.blocked.toClient = true;
  }

  heal(): void {
    this.blocked.toServer = false;
    this.blocked.toClient = false;
    for (const connection of this.connections) connection.wake();
  }

  at(delayMs: number, run: () => void): void {
    this.#time.at(this.#time.nowMs + delayMs, Phase.arrival, run);
  }

  get nowMs(): number {
    return this.#time.nowMs;
  }
}

interface Item {
  readonly atMs: number;
  readonly bytes: number;
  readonly arrive: () => void;
}

/**
 * One direction of a connection. Items arrive in order, each after the path's delay; none arrives
 * while the path is blocked.
 */
class Pipe {
  readonly #path: Path;
  readonly #isBlocked: () => boolean;
  #items: Item[] = [];
  #lastMs = 0;
  bytes = 0;

  constructor(path: Path, isBlocked: () => boolean) {
    this.#path = path;
    this.#isBlocked = isBlocked;
  }

  send(bytes: number, arrive: () => void): void {
    const delayMs = Math.max(this.#lastMs - this.#path.nowMs, this.#path.drawDelayMs());
    const atMs = this.#path.nowMs + delayMs;
    this.#lastMs = atMs;
    this.#items.push({ atMs, bytes, arrive });
    this.bytes += bytes;
    this.#path.at(delayMs, () => this.#arrive());
  }

  /** Stalled data begins to arrive. */
  wake(): void {
    if (this.#items.length > 0) this.#path.at(this.#path.drawDelayMs(), () => this.#arrive());
  }

  /** Data on its way is lost. */
  empty(): void {
    this.#items = [];
    this.bytes = 0;
  }

  #arrive(): void {
    for (let [item] = this.#items; item !== undefined && item.atMs <= this.#path.nowMs; [item] = this.#items) {
      if (this.#isBlocked()) return;
      this.#items.shift();
      this.bytes -= item.bytes;
      item.arrive();
    }
  }
}

/** A connection as the server sees it. */
interface ServerEnd {
  data(bytes: Uint8Array): void;
  gone(): void;
}

/** A connection between a process and a server. */
export class SimulatedConnection implements ByteConnection {
  readonly process: SimulatedProcess;
  readonly path: Path;
  readonly #events: ConnectionEvents;
  readonly #toServer: Pipe;
  readonly #toClient: Pipe;
  #server: ServerEnd | undefined;
  #clientEnded = false;

  constructor(process: SimulatedProcess, path: Path, events: ConnectionEvents) {
    this.process = process;
    this.path = path;
    this.#events = events;
    this.#toServer = new Pipe(path, () => path.blocked.toServer);
    this.#toClient = new Pipe(path, () => path.blocked.toClient);
    path.connections.add(this);
    // When a process is killed, its kernel closes the connection.
    process.deaths.push(() => this.destroy());
  }

  get pendingBytes(): number {
    return this.path.blocked.toServer ? this.#toServer.bytes : 0;
  }

  /** Bytes that the server has sent and the client has not read. */
  get unreadBytes(): number {
    return this.#toClient.bytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#clientEnded) return;
    for (const piece of this.#cut(bytes)) this.#toServer.send(piece.length, () => this.#server?.data(piece));
  }

  destroy(): void {
    if (this.#clientEnded) return;
    this.#clientEnded = true;
    this.#toServer.send(0, () => this.#leave());
  }

  /** The server's kernel has accepted the connection. */
  accepted(server: ServerEnd): void {
    this.#server = server;
    this.#toClient.send(0, () => this.#tell(() => this.#events.open()));
  }

  /** Sends from the server to the client. */
  send(bytes: Uint8Array): void {
    if (this.#server === undefined) return;
    for (const piece of this.#cut(bytes)) this.#toClient.send(piece.length, () => this.#tell(() => this.#events.data(piece)));
  }

  /** Ends the connection from the server's side; `unsent` data is lost or still arrives. */
  end(reason: string, unsent: 'lost' | 'arrives'): void {
    if (unsent === 'lost') this.#toClient.empty();
    this.#server = undefined;
    this.#toClient.send(0, () => {
      this.path.connections.delete(this);
      this.#tell(() => {
        this.#clientEnded = true;
        this.#events.closed(reason);
      });
    });
  }

  /** The server disappears without closing the connection: written data vanishes. */
  orphan(): void {
    this.#toClient.empty();
    this.#server = undefined;
  }

  /** The path is open again. */
  wake(): void {
    this.#toServer.wake();
    this.#toClient.wake();
  }

  #leave(): void {
    this.path.connections.delete(this);
    const server = this.#server;
    this.#server = undefined;
    server?.gone();
  }

  #tell(event: () => void): void {
    this.process.deliver(() => {
      if (!this.#clientEnded) event();
    });
  }

  /** Usually whole, sometimes in pieces: a reader must handle both. */
  #cut(bytes: Uint8Array): Uint8Array[] {
    const { random } = this.path;
    if (bytes.length < 2 || !random.chance(0.05)) return [bytes];
    const at = random.integer(1, bytes.length - 1);
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }
}
