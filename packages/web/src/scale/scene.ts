// What the page of `npm run demo:scale` is told by the demo that runs it (demo/scale/): once where the stream is, then a
// snapshot four times a second.

/** Where the stream is watched. */
export interface SceneAddress {
  readonly stream: string;
  /** The listeners' address, http://localhost:port. */
  readonly server: string;
  readonly token: string;
}

/** What a visitor does to a Redis. */
export const ShardActions = ['kill', 'hang', 'start', 'resume'] as const;
export type ShardAction = (typeof ShardActions)[number];

/** How a Redis is: 'hung' by SIGSTOP, 'dead' by SIGKILL. */
export type ShardCondition = 'running' | 'hung' | 'dead' | 'starting';

/** One Redis. */
export interface ShardSnapshot {
  /** From 1. */
  readonly number: number;
  /** host:port. */
  readonly address: string;
  readonly condition: ShardCondition;
  /** Whether the streamer gives it messages. */
  readonly isUsed: boolean;
  /** Messages published on it since the demo began, and a second over the last moments. */
  readonly publishes: number;
  readonly publishesPerSecond: number;
  /** Messages that it left unanswered, published on another. */
  readonly republished: number;
}

/** What viewers have seen; all of them together, since all had come. */
export interface AudienceSnapshot {
  readonly wanted: number;
  readonly connected: number;
  /** Frames received. */
  readonly received: number;
  /** Frames that did not come and will not. */
  readonly lost: number;
  /** Longest time between two frames that any viewer saw, milliseconds. */
  readonly longestGapMs: number;
  readonly bytes: number;
  /** When counting began: all had come; null before. */
  readonly begunUnixMs: number | null;
  /** Of one viewer, over the last moments. */
  readonly bitsPerSecond: number;
}

/** Counts from one moment to another. */
export interface Impact {
  readonly lost: number;
  /** Frames published again because a listener missed them. */
  readonly repaired: number;
  /** Messages that a Redis left unanswered, published on another. */
  readonly republished: number;
  readonly longestGapMs: number;
}

/** Something that the visitor did, and what came of it before the next. */
export interface ChaosAction extends Impact {
  readonly id: number;
  readonly atUnixMs: number;
  readonly action: ShardAction;
  readonly shard: number;
}

/** Everything that the page shows, at a moment. */
export interface Snapshot {
  readonly atUnixMs: number;
  readonly shards: readonly ShardSnapshot[];
  /** Listener processes that serve. */
  readonly listeners: number;
  readonly audience: AudienceSnapshot;
  /** Since all viewers had come. */
  readonly total: Impact;
  /** The newest first; the last few. */
  readonly actions: readonly ChaosAction[];
}
