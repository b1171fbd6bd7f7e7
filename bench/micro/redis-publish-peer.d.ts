// The parts of ioredis and node-redis that redis-publish uses. See ../peer/peer.d.ts.
declare module 'ioredis' {
  interface Pipeline {
    publish(channel: string, message: Buffer): this;
    exec(): Promise<unknown>;
  }
  export class Redis {
    constructor(url: string);
    publish(channel: string, message: Buffer): Promise<number>;
    pipeline(): Pipeline;
    ping(): Promise<string>;
    disconnect(): void;
  }
}

declare module 'redis' {
  interface Multi {
    publish(channel: string, message: Buffer): this;
    execAsPipeline(): Promise<unknown>;
  }
  interface Client {
    publish(channel: string, message: Buffer): Promise<number>;
    multi(): Multi;
    destroy(): void;
  }
}
