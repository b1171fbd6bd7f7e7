// The seam between streamers and listeners: publish/subscribe on named channels, over any number of
// servers. Bytes go in, the same bytes come out. Delivery is at most once per server, in order per
// publisher and server. Code above this seam finds and repairs losses and duplicates, from sequence
// numbers.

/** Receives one published message. The receiver may keep the bytes but not change them. */
export type Receive = (message: Uint8Array) => void;

/** Ends a subscription; no message is received after the call. */
export type Unsubscribe = () => void;

/** The names of the channels. spec/wire.md, "Between servers", lists who publishes on each. */
export const Channels = {
  /** Frames of one stream. */
  live: (stream: string) => `live:${stream}`,
  /** Requests to one streamer process. */
  repair: (incarnation: bigint) => `repair:${incarnation.toString(16).padStart(16, '0')}`,
  /** Answers to one listener process. */
  reply: (incarnation: bigint) => `reply:${incarnation.toString(16).padStart(16, '0')}`,
  /** To every streamer. */
  control: 'control',
  /** The list of live streams. */
  directory: 'directory',
} as const;

/** Pub/sub over N servers. Adapters: memory/, redis/. */
export interface Shards {
  /** Whether it reaches only this process. */
  readonly embedded: boolean;
  /**
   * Sends `message` to the channel's subscribers. Never throws, never waits; the adapter counts
   * messages that it cannot send. `copies`: the number of servers to publish on (`Infinity`: all),
   * for messages that must survive the loss of a server; by default as many as the placement says.
   * Receivers of copied messages must tolerate duplicates.
   */
  publish(channel: string, message: Uint8Array, copies?: number): void;
  /**
   * Resolves once every message published from then on reaches `receive`, through every server that
   * can be reached now; later servers are subscribed to as they come. Each of several subscriptions
   * to a channel receives every message.
   */
  subscribe(channel: string, receive: Receive): Promise<Unsubscribe>;
  /** Undefined if messages can be published; otherwise the reason, for /readyz. */
  unready(): string | undefined;
  /** Ends all subscriptions and connections. */
  close(): Promise<void>;
}
