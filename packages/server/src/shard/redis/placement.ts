// Decides which servers a message goes to. A pure function maps a position (seed, slot, channel) to
// all servers in order of preference. The first takes the message; copies and messages that must be
// sent again go to the next ones.
import { HayateError } from '../../kernel/error.ts';

/** How messages are distributed over servers. */
export interface Placement {
  /**
   * `spray`: the slot decides. Each cycle of N slots visits N servers, in an order that differs
   * from cycle to cycle; in a fixed order, audio that comes every N slots would always use the same
   * server. `hash`: the channel decides (rendezvous hashing), so that few channels move when a
   * server comes or goes.
   */
  readonly by: 'spray' | 'hash';
  /** The number of servers that each message is published on. */
  readonly copies: number;
}

/** A server as placement sees it. */
export interface Placed {
  /** `hashText` of its name. */
  readonly key: number;
}

/** The position of a message. */
export interface Position {
  /** Differs between processes, so that streamers do not use the same server at the same time. */
  readonly seed: number;
  /** The number of slots written so far. */
  readonly slot: number;
  readonly channel: string;
}

/** Reads `spray`, `hash` or `mirror:R` (spray, on R servers). Throws HayateError CONFIGURATION. */
export function parsePlacement(text: string): Placement {
  const mirror = /^mirror:([1-9]\d?)$/.exec(text);
  if (mirror) return { by: 'spray', copies: Number(mirror[1]) };
  if (text !== 'spray' && text !== 'hash')
    throw new HayateError('CONFIGURATION', `--placement must be spray, hash or mirror:R, R from 1 to 99, not "${text}"`);
  return { by: text, copies: 1 };
}

/**
 * All of `servers`, in order of preference. Pure; `servers` must be given in the same order every
 * time.
 */
export function preference<S extends Placed>({ by }: Placement, position: Position, servers: readonly S[]): S[] {
  return by === 'hash' ? byChannel(position, servers) : bySlot(position, servers);
}

function byChannel<S extends Placed>({ channel }: Position, servers: readonly S[]): S[] {
  const key = hashText(channel);
  const scored = servers.map((server) => ({ server, score: mix(key ^ mix(server.key)) }));
  return scored.sort((a, b) => b.score - a.score || a.server.key - b.server.key).map(({ server }) => server);
}

function bySlot<S extends Placed>({ seed, slot }: Position, servers: readonly S[]): S[] {
  const order = [...servers];
  const cycle = Math.floor(slot / order.length);
  // Fisher-Yates shuffle; the seed and the cycle determine its numbers.
  let state = mix(seed ^ mix(cycle));
  for (let last = order.length - 1; last > 0; last--) {
    state = mix(state + 0x9e3779b9);
    const at = Math.floor((state / 2 ** 32) * (last + 1));
    const [a, b] = [order[at], order[last]];
    if (a !== undefined && b !== undefined) [order[at], order[last]] = [b, a];
  }
  const first = slot % order.length;
  return first === 0 ? order : [...order.slice(first), ...order.slice(0, first)];
}

/** A 32-bit hash of a text (FNV-1a over UTF-16 units, mixed). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/**
 * A bijection of 32 bits in which every input bit affects every output bit (the finaliser of
 * MurmurHash3).
 */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
