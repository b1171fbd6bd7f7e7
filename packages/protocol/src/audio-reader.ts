// Reads the packets of an AUDIO payload without the objects of a generated codec. The plain form,
// which a broadcaster's SDK writes, is read by hand. Any other payload goes to the strict reader,
// which refuses input that codecs read differently. Both give the same result for a payload that
// both can read.
import { AudioSchema } from './gen/hayate/v1/payload_pb.ts';
import { Limits } from './limits.ts';
import { opusPacketSamples } from './opus-packet.ts';
import { readStrictly } from './strict-message.ts';
import { WireError } from './wire-error.ts';

/** An AUDIO payload as an AudioReader gives it. It is valid until the next payload is read. */
export interface AudioView {
  /** The number of elements of `packets` that belong to this payload. */
  packetCount: number;
  /** Views into the payload. */
  readonly packets: Uint8Array[];
  /** Duration of all packets together, at 48 kHz; more than 0. */
  samples: number;
  /** -dBov; undefined if it was not measured. */
  level: number | undefined;
}

const TAG_PACKET = 0x0a;
const TAG_LEVEL = 0x10;

/** Reads payloads, one after another, into one AudioView. */
export class AudioReader {
  readonly #view: AudioView = { packetCount: 0, packets: [], samples: 0, level: undefined };

  /**
   * Reads a payload. Throws WireError if it is not an Audio message, holds no packets, or holds a
   * packet that is not Opus. Neither the number of packets nor the level is limited.
   */
  read(payload: Uint8Array): AudioView {
    const view = this.#view;
    // A view keeps its whole message in memory, so only a few may be left from an earlier payload.
    if (view.packets.length > Limits.audioPacketsMax) view.packets.length = Limits.audioPacketsMax;
    if (!this.#readPlain(payload)) {
      const { packets, level } = readStrictly(AudioSchema, payload);
      view.packetCount = packets.length;
      for (const [i, packet] of packets.entries()) view.packets[i] = packet;
      view.level = level;
    }
    view.samples = 0;
    for (let i = 0; i < view.packetCount; i++) view.samples += opusPacketSamples(view.packets[i] ?? new Uint8Array());
    if (view.samples === 0) throw new WireError('an AUDIO payload without packets');
    return view;
  }

  /**
   * Whether the payload has the plain form: packets, then a level; lengths of up to two bytes, a
   * level of one.
   */
  #readPlain(payload: Uint8Array): boolean {
    const view = this.#view;
    view.packetCount = 0;
    view.level = undefined;
    let at = 0;
    while (payload[at] === TAG_PACKET) {
      let length = payload[at + 1] ?? 0;
      at += 2;
      if (length >= 128) {
        const high = payload[at++] ?? 128;
        if (high === 0 || high >= 128) return false;
        length += (high - 1) * 128;
      }
      if (at + length > payload.length) return false;
      view.packets[view.packetCount++] = payload.subarray(at, at + length);
      at += length;
    }
    if (at === payload.length) return true;
    const level = payload[at + 1] ?? 128;
    if (payload[at] !== TAG_LEVEL || level >= 128 || at + 2 !== payload.length) return false;
    view.level = level;
    return true;
  }
}
