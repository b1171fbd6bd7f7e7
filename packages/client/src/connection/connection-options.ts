// The connection options that a Broadcaster and a Viewer share.
import type { Clock } from './clock.ts';

/**
 * A JWT, or a function that fetches one. The function is called for each connection, and again
 * before the current token expires.
 */
export type TokenSource = string | (() => Promise<string>);

/** Options of both Broadcaster and Viewer. */
export interface ConnectionOptions {
  /**
   * The server's address: `http://`, `https://`, `ws://` or `wss://`, with or without a path before
   * Hayate's.
   */
  server: string;
  /** Stream name: 1 to 64 of A-Z a-z 0-9 _ -. */
  stream: string;
  token: TokenSource;
  /**
   * Longest wait for the first connection, milliseconds. Default 10,000. Reconnections have no time
   * limit.
   */
  connectTimeoutMs?: number;
  /** Default: performance.now(). */
  clock?: Clock;
  /** In [0, 1), for the jitter of reconnections. Default: Math.random. */
  random?: () => number;
  /** Default: the global WebSocket (browsers, Node >= 22). */
  WebSocket?: typeof WebSocket;
}
