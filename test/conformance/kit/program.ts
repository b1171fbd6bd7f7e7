// The common part of both driver programs (docs/client/conformance.md). In: the environment of the
// interface. Out: lines and an exit status.
import { fromBinary } from '@bufbuild/protobuf';
import type { StateChange } from '@hayate/client';
import { epochText, type ServerMessage, ServerMessageSchema } from '@hayate/protocol';

/** Reads the environment variables of the interface. */
export function interfaceOptions(): { server: string; stream: string; token: string; frames: number } {
  const { HAYATE_SERVER: server = '', HAYATE_STREAM: stream = '', HAYATE_TOKEN: token = '', HAYATE_FRAMES: frames = '250' } = process.env;
  return { server, stream, token, frames: Number(frames) };
}

/** Prints one line. Epochs become text. */
export function say(line: Readonly<Record<string, unknown>>): void {
  const texts = Object.entries(line).map(([name, value]) => [name, typeof value === 'bigint' ? epochText(value) : value]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(texts))}\n`);
}

/** Prints the end of a connection, and ends the program when the client does not reconnect. */
export function followState(state: StateChange): void {
  if (state.closeCode !== undefined)
    say({ event: 'closed', code: state.closeCode, retry: state.state === 'reconnecting' || state.state === 'connecting' });
  if (state.state === 'failed') {
    process.stderr.write(`${state.reason ?? 'it failed'}\n`);
    process.exitCode = 1;
  }
  if (state.state === 'ended') process.exitCode = state.closeCode === undefined || state.closeCode === 1000 ? 0 : 1;
}

/**
 * A WebSocket that shows each of the server's messages to `look` before the SDK reads it, since the
 * SDK's events contain less.
 */
export function tappedWebSocket(look: (message: ServerMessage) => void): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) look(fromBinary(ServerMessageSchema, new Uint8Array(data)));
      });
    }
  };
}
