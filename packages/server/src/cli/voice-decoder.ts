// Decodes Opus packets to mono samples and loudness, as a performer hears the voice that is sent.
import { audioLevel } from '@hayate/client/performer';
import { createDecoder } from 'libopus-wasm';
import { HayateError } from '../kernel/error.ts';

/** The decoded sound of one packet. */
export interface Heard {
  /** Mono, 48 kHz, in [-1, 1]. */
  readonly samples: Float32Array;
  /** RFC 6464, 0 (loudest) to 127 (silence). */
  readonly level: number;
}

/**
 * Decodes consecutive packets. Throws HayateError BAD_REQUEST for a packet that libopus refuses.
 */
type VoiceDecoder = (packet: Uint8Array) => Heard;

/** Makes a decoder for consecutive packets with 1 or 2 channels. */
export async function createVoiceDecoder(channels: number): Promise<VoiceDecoder> {
  const decoder = await createDecoder({ channels: channels === 2 ? 2 : 1, sampleRate: 48_000 });
  return (packet) => {
    let pcm: Float32Array;
    try {
      pcm = decoder.decodeFloat(packet);
    } catch (cause) {
      throw new HayateError('BAD_REQUEST', 'an Opus packet of the file cannot be decoded', { cause });
    }
    const samples =
      channels === 2
        ? Float32Array.from({ length: pcm.length / 2 }, (_, i) => ((pcm[2 * i] ?? 0) + (pcm[2 * i + 1] ?? 0)) / 2)
        : pcm.slice();
    return { samples, level: audioLevel(pcm) };
  };
}
