// The parts of the peers' interfaces that the benchmarks use. bench/ has a lockfile of its own, and
// types are checked without installing it, so the types are declared here.
declare module 'socket.io' {
  import type { Server as HttpServer } from 'node:http';

  interface BroadcastOperator {
    emit(event: string, ...values: unknown[]): boolean;
  }
  interface Socket {
    readonly handshake: { readonly query: Readonly<Record<string, string | undefined>> };
    join(room: string): void | Promise<void>;
    on(event: string, take: (...values: unknown[]) => void): this;
  }
  export class Server {
    constructor(
      server: HttpServer,
      options?: { transports?: string[]; serveClient?: boolean; perMessageDeflate?: boolean; adapter?: unknown },
    );
    on(event: 'connection', take: (socket: Socket) => void): this;
    to(room: string): BroadcastOperator;
  }
}

declare module '@socket.io/redis-adapter' {
  export function createAdapter(publisher: unknown, subscriber: unknown): unknown;
}

declare module 'redis' {
  interface Client {
    connect(): Promise<unknown>;
    duplicate(): Client;
    destroy(): void;
    subscribe(channel: string, take: (message: Buffer) => void, asBuffers: true): Promise<void>;
    on(event: 'error', take: (error: Error) => void): this;
  }
  export function createClient(options: { url: string }): Client;
}
