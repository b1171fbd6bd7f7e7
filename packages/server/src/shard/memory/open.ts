// The embedded adapter of the shard seam: one process, no server. As on a network, a message is
// delivered in a later turn of the event loop, so that a receiver never runs inside the publisher's
// call to publish.
import type { Receive, Shards, Unsubscribe } from '../shard.ts';

class MemoryShards implements Shards {
  readonly embedded = true;
  readonly #channels = new Map<string, Set<Receive>>();
  #pending: { channel: string; message: Uint8Array }[] = [];
  #closed = false;

  publish(channel: string, message: Uint8Array): void {
    if (this.#closed || !this.#channels.has(channel)) return;
    this.#pending.push({ channel, message });
    // The queue holds at most the messages of one turn of the event loop.
    if (this.#pending.length === 1) setImmediate(() => this.#deliver());
  }

  subscribe(channel: string, receive: Receive): Promise<Unsubscribe> {
    const receivers = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, receivers);
    // Wrapped, so that one function can be subscribed twice.
    const own: Receive = (message) => receive(message);
    receivers.add(own);
    return Promise.resolve(() => {
      receivers.delete(own);
      if (receivers.size === 0 && this.#channels.get(channel) === receivers) this.#channels.delete(channel);
    });
  }

  unready(): string | undefined {
    return undefined;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#channels.clear();
    return Promise.resolve();
  }

  #deliver(): void {
    const due = this.#pending;
    this.#pending = [];
    for (const { channel, message } of due) for (const receive of this.#channels.get(channel) ?? []) receive(message);
  }
}

/** Opens shards within this process. */
export function openMemoryShards(): Shards {
  return new MemoryShards();
}
