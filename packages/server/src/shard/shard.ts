// The seam between streamers and listeners: publish/subscribe on named channels, over however many servers there are.
// Bytes in, the same bytes out. Delivery is at most once per server, order is kept per publisher and server; what
// gets lost or doubled is found and mended above this seam, from sequence numbers.

/** Receives one published message. The bytes are the receiver's to keep, not to change. */
export type Receive = (message: Uint8Array) => void;

/** Ends a subscription; no message is received after it has been called. */
export type Unsubscribe = () => void;

/** Channel names: who publishes what is in spec/wire.md, "Between servers". */
export const Channels = {
  /** Frames of one stream. */
  live: (stream: string) => `live:${stream}`,
  /** Requests to one streamer process. */
  repair: (incarnation: bigint) => `repair:${incarnation.toString(16).padStart(16, '0')}`,
  /** Answers to one listener process. */
  reply: (incarnation: bigint) => `reply:${incarnation.toString(16).padStart(16, '0')}`,
  /** To every streamer. */
  control: 'control',
  /** What is live. */
  directory: 'directory',
} as const;

/** Pub/sub over N servers. Adapters: shard-memory.ts, redis/. */
export interface Shards {
  /** Whether other processes can be reached through it. */
  readonly embedded: boolean;
  /**
   * Sends `message` to the channel's subscribers. Never throws, never waits; what cannot be sent is counted by the adapter.
   * `copies`: on so many servers at once (`Infinity`: on all), for what must not be lost with one of them; by default
   * as many as the placement says. Whoever publishes copies makes receivers that a double does not disturb.
   */
  publish(channel: string, message: Uint8Array, copies?: number): void;
  /**
   * Resolves once every message published from then on reaches `receive`, by every server that can be reached now; those that
   * come later are subscribed to as they come. Several subscriptions of a channel each receive.
   */
  subscribe(channel: string, receive: Receive): Promise<Unsubscribe>;
  /** Undefined if messages can be published; otherwise why not, for /readyz. */
  unready(): string | undefined;
  /** Gives up all subscriptions and connections. */
  close(): Promise<void>;
}
