// Decodes the Opus packets of one link to sound: 48 kHz, in the broadcast's channels, with the
// output gain that the header asks for (RFC 7845 section 5.1). The streams of a packet are mapped
// to channels (section 5.1.1); more than two channels are mixed down.
import { createDecoder, DecoderCtl, type OpusDecoderHandle } from 'libopus-wasm';
import { type MappedOpusHead, splitStreams } from '../../format/ogg/index.ts';

/**
 * The positions of the channels of mapping family 1, in Vorbis order: left, right and centre. 'E'
 * is the low-frequency one.
 */
const PLACES = ['C', 'LR', 'LCR', 'LRLR', 'LCRLR', 'LCRLRE', 'LCRLRCE', 'LCRLRLRE'];
const HALF_POWER = Math.SQRT1_2;
const SHARES: Readonly<Record<string, readonly [left: number, right: number]>> = {
  L: [1, 0],
  R: [0, 1],
  C: [HALF_POWER, HALF_POWER],
  E: [0, 0],
};

/**
 * Whether a decoder of 1 or 2 channels accepts the packets unchanged and produces the sound that
 * the header means.
 */
export function isPlain({ channels, mapping }: MappedOpusHead): boolean {
  const { family, streams, coupled } = mapping;
  return family <= 1 && channels <= 2 && streams === 1 && coupled === channels - 1 && mapping.channels.every((at, index) => at === index);
}

/**
 * Returns a clause that says why the link's sound cannot be made into one or two channels;
 * undefined if it can.
 */
export function mappingRefusal({ channels, mapping }: MappedOpusHead): string | undefined {
  if (mapping.family === 0 || (mapping.family === 1 && channels <= PLACES.length)) return undefined;
  const what =
    mapping.family === 2 || mapping.family === 3 ? `ambisonics in ${channels} channels` : `${channels} channels without a known order`;
  return `it holds ${what} (mapping family ${mapping.family})`;
}

/** Decodes one link. */
export class LinkDecoder {
  readonly #decoders: readonly OpusDecoderHandle[];
  readonly #streams: number;
  /** For each output channel, the shares of the coded channels. */
  readonly #matrix: readonly (readonly number[])[];
  readonly #isIdentity: boolean;

  private constructor(decoders: readonly OpusDecoderHandle[], head: MappedOpusHead, channels: 1 | 2) {
    this.#decoders = decoders;
    this.#streams = head.mapping.streams;
    this.#matrix = matrixOf(head, channels);
    this.#isIdentity = isPlain(head) && head.channels === channels;
  }

  /** Makes a decoder whose sound has `channels`. `mappingRefusal` must be undefined. */
  static async open(head: MappedOpusHead, channels: 1 | 2): Promise<LinkDecoder> {
    const { streams, coupled } = head.mapping;
    const decoders = await Promise.all(
      Array.from({ length: streams }, (_, stream) => createDecoder({ channels: stream < coupled ? 2 : 1, sampleRate: 48_000 })),
    );
    for (const decoder of decoders) decoder.decoderCtl(DecoderCtl.SetGain, head.outputGain);
    return new LinkDecoder(decoders, head, channels);
  }

  /** Returns the sound of a packet, interleaved; undefined if libopus refuses it. */
  decode(packet: Uint8Array): Float32Array | undefined {
    const packets = this.#streams === 1 ? [packet] : splitStreams(packet, this.#streams);
    if (packets === undefined) return undefined;
    try {
      return this.#mix(this.#decoders.map((decoder, stream) => decoder.decodeFloat(packets[stream] ?? packet)));
    } catch {
      return undefined;
    }
  }

  /**
   * Returns the decoder's concealment for lost packets of `samples`, a multiple of 120 up to 5,760.
   */
  conceal(samples: number): Float32Array {
    return this.#mix(this.#decoders.map((decoder) => decoder.decodePacketLossFloat(samples)));
  }

  /** Frees the memory of the decoders. */
  close(): void {
    for (const decoder of this.#decoders) decoder.free();
  }

  #mix(streams: readonly Float32Array[]): Float32Array {
    const [first] = streams;
    if (this.#isIdentity && first !== undefined) return first.map(clamp);
    const coded = streams.flatMap((pcm, stream) => {
      const width = this.#decoders[stream]?.channels ?? 1;
      return Array.from({ length: width }, (_, channel) => ({ pcm, width, channel }));
    });
    const length = (first?.length ?? 0) / (this.#decoders[0]?.channels ?? 1);
    const width = this.#matrix.length;
    const out = new Float32Array(length * width);
    for (const [channel, shares] of this.#matrix.entries())
      for (const [source, share] of shares.entries()) {
        const from = coded[source];
        if (share === 0 || from === undefined) continue;
        for (let i = 0; i < length; i++)
          out[i * width + channel] = (out[i * width + channel] ?? 0) + share * (from.pcm[i * from.width + from.channel] ?? 0);
      }
    return out.map(clamp);
  }
}

function clamp(sample: number): number {
  return sample > 1 ? 1 : sample < -1 ? -1 : sample;
}

/**
 * Returns the shares of each coded channel in each output channel. The shares of an output channel
 * add up to at most 1, so that mixing cannot cause clipping.
 */
function matrixOf({ channels, mapping }: MappedOpusHead, outputs: 1 | 2): number[][] {
  const places = channels === 1 ? 'C' : (PLACES[channels - 1] ?? 'C');
  const matrix = Array.from({ length: outputs }, () => Array.from({ length: mapping.streams + mapping.coupled }, () => 0));
  for (const [channel, source] of mapping.channels.entries()) {
    if (source === 255) continue;
    const [left, right] = channels === 1 ? [1, 1] : (SHARES[places[channel] ?? 'C'] ?? [0, 0]);
    const shares = outputs === 1 ? [(left + right) / 2] : [left, right];
    for (const [output, share] of shares.entries()) {
      const row = matrix[output];
      if (row !== undefined) row[source] = (row[source] ?? 0) + share;
    }
  }
  const largest = Math.max(1, ...matrix.map((row) => row.reduce((sum, share) => sum + share, 0)));
  return matrix.map((row) => row.map((share) => share / largest));
}
