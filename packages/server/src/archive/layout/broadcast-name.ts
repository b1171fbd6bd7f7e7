// The name of a broadcast, as a key of maps, and the order in which objects and manifests list
// broadcasts.

/** By stream, then epoch (16 hex digits), both by their characters' codes. */
export function compareBroadcasts(a: BroadcastName, b: BroadcastName): number {
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.epoch < b.epoch ? -1 : a.epoch > b.epoch ? 1 : 0;
}

/** An epoch of a stream. */
export interface BroadcastName {
  readonly stream: string;
  /** 16 hex digits. */
  readonly epoch: string;
}

/** Returns the name as one string: a key for maps and sets. */
export function broadcastKey({ stream, epoch }: BroadcastName): string {
  return `${stream}/${epoch}`;
}

/** The inverse of `broadcastKey`. */
export function parseBroadcastKey(key: string): BroadcastName {
  const [stream = '', epoch = ''] = key.split('/');
  return { stream, epoch };
}
