// The data that the demo (demo/scale/) sends to its page: once the stream's address, then a
// snapshot four times a second.

/** The address of the stream. */
export interface SceneAddress {
  readonly stream: string;
  /** The listeners' address, http://localhost:port. */
  readonly server: string;
  readonly token: string;
}

/** The actions of a visitor on a Redis. */
export const ShardActions = ['kill', 'hang', 'start', 'resume'] as const;
export type ShardAction = (typeof ShardActions)[number];

/** The condition of a Redis: 'hung' by SIGSTOP, 'dead' by SIGKILL. */
export type ShardCondition = 'running' | 'hung' | 'dead' | 'starting';

/** One Redis. */
export interface ShardSnapshot {
  /** From 1. */
  readonly number: number;
  /** host:port. */
  readonly address: string;
  readonly condition: ShardCondition;
  /** Whether the streamer sends it messages. */
  readonly isUsed: boolean;
  /** Messages published on it since the demo began, and per second over the last moments. */
  readonly publishes: number;
  readonly publishesPerSecond: number;
  /** Messages that it did not answer, published on another. */
  readonly republished: number;
}

/** Totals over all viewers since all of them had connected. */
export interface AudienceSnapshot {
  readonly wanted: number;
  readonly connected: number;
  /** Frames received. */
  readonly received: number;
  /** Frames that viewers missed for good. */
  readonly lost: number;
  /** Longest time between two frames for any viewer, milliseconds. */
  readonly longestGapMs: number;
  readonly bytes: number;
  /** When counting began, with all viewers connected; null before. */
  readonly begunUnixMs: number | null;
  /** Of one viewer, over the last moments. */
  readonly bitsPerSecond: number;
}

/** Counts from one moment to another. */
export interface Impact {
  readonly lost: number;
  /** Frames published again because a listener missed them. */
  readonly repaired: number;
  /** Messages that a Redis did not answer, published on another. */
  readonly republished: number;
  readonly longestGapMs: number;
}

/** An action of the visitor, and its effect until the next one. */
export interface ChaosAction extends Impact {
  readonly id: number;
  readonly atUnixMs: number;
  readonly action: ShardAction;
  readonly shard: number;
}

/** Everything that the page shows at one moment. */
export interface Snapshot {
  readonly atUnixMs: number;
  readonly shards: readonly ShardSnapshot[];
  /** Running listener processes. */
  readonly listeners: number;
  readonly audience: AudienceSnapshot;
  /** Since all viewers had connected. */
  readonly total: Impact;
  /** The last few actions, newest first. */
  readonly actions: readonly ChaosAction[];
}
