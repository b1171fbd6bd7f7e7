// Writes Redis commands (RESP2: an array of bulk strings), many in one buffer, so that a batch
// costs both sides one system call. Source: the Redis serialization protocol specification,
// "Sending commands to a Redis server".

/** A message and its channel. */
export interface Publish {
  /** ASCII. */
  readonly channel: string;
  readonly message: Uint8Array;
}

const PUBLISH = '*3\r\n$7\r\nPUBLISH\r\n$';
/** Bytes around a PUBLISH's channel and message when both lengths have ten digits. */
const FRAME_BYTES = PUBLISH.length + 10 + 2 + 2 + 1 + 10 + 2 + 2;
/** The most channels in one SUBSCRIBE. */
const CHANNELS_PER_COMMAND = 256;

/** Pipelined PUBLISH commands. The reply to each is its number of receivers. */
export function writePublishes(batch: readonly Publish[]): Uint8Array {
  let room = 0;
  for (const { channel, message } of batch) room += FRAME_BYTES + channel.length + message.length;
  const buffer = Buffer.allocUnsafe(room);
  let at = 0;
  for (const { channel, message } of batch) {
    at += buffer.write(`${PUBLISH}${channel.length}\r\n${channel}\r\n$${message.length}\r\n`, at, 'latin1');
    buffer.set(message, at);
    at += message.length;
    buffer[at++] = 0x0d;
    buffer[at++] = 0x0a;
  }
  return buffer.subarray(0, at);
}

/**
 * Pipelined SUBSCRIBE or UNSUBSCRIBE commands. Redis replies for every channel. Empty for no
 * channels.
 */
export function writeSubscriptions(command: 'SUBSCRIBE' | 'UNSUBSCRIBE', channels: readonly string[]): Uint8Array {
  const commands: Uint8Array[] = [];
  for (let at = 0; at < channels.length; at += CHANNELS_PER_COMMAND)
    commands.push(writeCommand(command, ...channels.slice(at, at + CHANNELS_PER_COMMAND)));
  return Buffer.concat(commands);
}

/** One command of any words, in UTF-8. */
export function writeCommand(...words: readonly string[]): Uint8Array {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
}
