// Encodes PCM to Opus packets of 20 ms, on demand. All of the sound is sent: the encoder's
// look-ahead is flushed, and silence fills the last packet. Memory does not grow with the
// recording.
import type { AudioFormat } from '@hayate/client';
import { Application, createEncoder, type OpusEncoderHandle } from 'libopus-wasm';
import type { Pcm } from './pcm.ts';
import { Resampler } from './resampler.ts';

/** 48 kHz samples of a packet: 20 ms. */
export const PACKET_SAMPLES = 960;

/** A voice as it is sent. */
interface EncodedVoice {
  readonly format: AudioFormat;
  /** 48 kHz samples of all packets, including pre-skip, if known before the end. */
  readonly samples: number | undefined;
  /** Returns the packets. Can be called once. Rejects with the source's errors. */
  packets(): AsyncIterable<Uint8Array>;
}

/** Encodes `pcm` at `bitrate` bits a second. Reads nothing before the first packet is requested. */
export async function encodeVoice(pcm: Pcm, { bitrate }: { readonly bitrate: number }): Promise<EncodedVoice> {
  const { channels, sampleRate } = pcm;
  const encoder = await createEncoder({
    channels,
    sampleRate: 48_000,
    frameSize: PACKET_SAMPLES,
    application: Application.Audio,
    bitrate,
  });
  const preSkip = encoder.getLookahead();
  const resampler = new Resampler({ sampleRate, channels });
  const sent = (samples: number) => Math.ceil((samples + preSkip) / PACKET_SAMPLES) * PACKET_SAMPLES;
  return {
    format: { channels, preSkip, inputSampleRate: sampleRate },
    samples: pcm.samples === undefined ? undefined : sent(resampler.outputLength(pcm.samples)),
    packets: () => encode(withLookahead(resample(pcm, resampler), preSkip * channels), encoder, PACKET_SAMPLES * channels),
  };
}

async function* resample(pcm: Pcm, resampler: Resampler): AsyncGenerator<Float32Array> {
  for await (const block of pcm.blocks()) yield resampler.push(block);
  yield resampler.end();
}

/** Yields `blocks`, then the silence that pushes their last samples out of the encoder. */
async function* withLookahead(blocks: AsyncIterable<Float32Array>, length: number): AsyncGenerator<Float32Array> {
  yield* blocks;
  yield new Float32Array(length);
}

async function* encode(blocks: AsyncIterable<Float32Array>, encoder: OpusEncoderHandle, length: number): AsyncGenerator<Uint8Array> {
  try {
    const frame = new Float32Array(length);
    let filled = 0;
    for await (const block of blocks)
      for (let taken = 0; taken < block.length; ) {
        const part = block.subarray(taken, taken + length - filled);
        frame.set(part, filled);
        taken += part.length;
        filled += part.length;
        if (filled < length) continue;
        yield encoder.encodeFloat(frame);
        filled = 0;
      }
    if (filled > 0) yield encoder.encodeFloat(frame.fill(0, filled));
  } finally {
    encoder.free();
  }
}
