// What a Broadcaster and a Viewer both need to know to connect.
import type { Clock } from './clock.ts';

/** A JWT, or a function that fetches one: asked at each connection, and again before the token in use runs out. */
export type TokenSource = string | (() => Promise<string>);

/** Options of Broadcaster and Viewer alike. */
export interface ConnectionOptions {
  /** The server's address: `http://`, `https://`, `ws://` or `wss://`, with or without a path in front of Hayate's. */
  server: string;
  /** Stream name: 1 to 64 of A-Z a-z 0-9 _ -. */
  stream: string;
  token: TokenSource;
  /** Longest wait for the first connection, milliseconds. Default 10,000. Later ones are tried for as long as it takes. */
  connectTimeoutMs?: number;
  /** Default: performance.now(). */
  clock?: Clock;
  /** In [0, 1), for the jitter of reconnections. Default: Math.random. */
  random?: () => number;
  /** Default: the global WebSocket (browsers, Node >= 22). */
  WebSocket?: typeof WebSocket;
}
