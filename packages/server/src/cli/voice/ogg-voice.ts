// Turns an Ogg Opus file into packets to send. The packets pass unchanged while the wire can
// express the file's meaning: mono or stereo, no gain, one recording played to the end of its last
// packet. Where that ends (another link of a chain, the next pass of a loop, a trimmed last
// packet), an encoder takes over without a seam, and stays.
import type { AudioFormat } from '@hayate/client';
import { GAP_STEP_SAMPLES, type LinkItem, type PacketItem, readVoice, type VoiceItem } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { ByteSource } from './byte-source.ts';
import { encodeVoice, PACKET_SAMPLES } from './encode-voice.ts';
import { isPlain, mappingRefusal } from './link-decoder.ts';
import { linkSound } from './link-sound.ts';
import { lastGranule } from './ogg-duration.ts';
import { type PlacedPacket, placeInTurn } from './placed-packet.ts';
import type { VoiceTrouble } from './voice-trouble.ts';

/**
 * Packets of the encoder that are left out while its state approaches that of the viewers'
 * decoders: 160 ms.
 */
const WARM_UP_PACKETS = 8;
/**
 * Recent packets to keep for that, by duration: their decoder converges much earlier (RFC 7845
 * section 4.6: 80 ms).
 */
const RECENT_SAMPLES = 24_000;

/** An opened file. */
interface OggVoice {
  readonly format: AudioFormat;
  /** 48 kHz samples of one pass through it, if known. */
  readonly samples: number | undefined;
  readonly link: LinkItem;
  /**
   * A clause that says why the file is encoded again from its beginning; undefined if its packets
   * pass.
   */
  readonly reencoded: string | undefined;
  /** Call it once. */
  packets(): AsyncIterable<PlacedPacket>;
}

interface OggVoiceOptions {
  /** Bits a second, used where the voice must be encoded. */
  readonly bitrate: number;
  readonly loop: boolean;
  readonly trouble: VoiceTrouble;
}

/**
 * Opens the file up to its first packet. Rejects with HayateError or OggError if it holds no voice
 * that can be sent.
 */
export async function openOggVoice(source: ByteSource, options: OggVoiceOptions): Promise<OggVoice> {
  const items = passes(source, options);
  const { link, first } = await beginning(items);
  const refusal = mappingRefusal(link.head);
  if (refusal !== undefined) throw new HayateError('BAD_REQUEST', refusal);
  const samples = await lastGranule(source, link.serial);
  const total = samples === undefined || first.startGranule === undefined ? undefined : samples - first.startGranule;
  const reencoded = reencodingReason(link);
  const rest = chained([link, first], items);
  const { channels, preSkip, inputSampleRate } = link.head;
  if (reencoded === undefined) {
    const passed = new PassedVoice(link, options);
    return { format: { channels, preSkip, inputSampleRate }, samples: total, link, reencoded, packets: () => passed.packets(rest) };
  }
  const width = channels === 1 ? 1 : 2;
  const sound = { channels: width, skipsFirst: true, trouble: options.trouble } as const;
  const played = total === undefined || options.loop ? undefined : Math.max(0, total - preSkip);
  const encoded = await encodeVoice(
    { channels: width, sampleRate: 48_000, samples: played, blocks: () => linkSound(rest, sound) },
    options,
  );
  return {
    format: { ...encoded.format, inputSampleRate },
    samples: encoded.samples,
    link,
    reencoded,
    packets: () => placeInTurn(encoded.packets(), PACKET_SAMPLES),
  };
}

/** Yields the items of the file, repeatedly if it loops. */
async function* passes(source: ByteSource, { loop, trouble }: OggVoiceOptions): AsyncGenerator<VoiceItem> {
  for (let hasVoice = true; hasVoice; hasVoice = loop && hasVoice) {
    hasVoice = false;
    for await (const item of readVoice(source.bytes(), trouble.add)) {
      hasVoice ||= item.kind === 'packet';
      yield item;
    }
    trouble.close();
  }
}

async function beginning(items: AsyncIterator<VoiceItem>): Promise<{ link: LinkItem; first: PacketItem }> {
  let link: LinkItem | undefined;
  for (let next = await items.next(); next.done !== true; next = await items.next()) {
    if (next.value.kind === 'link') link = next.value;
    if (next.value.kind === 'packet' && link !== undefined) return { link, first: next.value };
  }
  throw new HayateError('BAD_REQUEST', 'it holds no readable sound');
}

function reencodingReason({ head }: LinkItem): string | undefined {
  if (head.outputGain !== 0) return `its header asks for a gain of ${(head.outputGain / 256).toFixed(1)} dB`;
  if (!isPlain(head)) return head.channels > 2 ? `its ${head.channels} channels are mixed down to two` : 'its channels are mapped';
  return undefined;
}

async function* chained<T>(first: Iterable<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}

/** A voice whose packets pass unchanged for as long as they can. */
class PassedVoice {
  readonly #link: LinkItem;
  readonly #options: OggVoiceOptions;
  /** The last packets, without a hole between them. */
  #recent: PacketItem[] = [];
  #recentSamples = 0;

  constructor(link: LinkItem, options: OggVoiceOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** `items` begin with the link. */
  async *packets(items: AsyncGenerator<VoiceItem>): AsyncGenerator<PlacedPacket> {
    let position = 0;
    await items.next();
    for (let next = await items.next(); next.done !== true; next = await items.next()) {
      const item = next.value;
      if (item.kind === 'gap') {
        // Archives fill holes of whole steps.
        position += Math.round(item.samples / GAP_STEP_SAMPLES) * GAP_STEP_SAMPLES;
        this.#recent = [];
        this.#recentSamples = 0;
      } else if (item.kind === 'packet' && item.keep === item.samples) {
        yield { packet: item.data, position, samples: item.samples };
        this.#remember(item);
        position += item.samples;
      } else {
        yield* this.#encodeFrom(position, chained([item], items));
        return;
      }
    }
  }

  #remember(item: PacketItem): void {
    this.#recent.push(item);
    this.#recentSamples += item.samples;
    for (
      let [oldest] = this.#recent;
      oldest !== undefined && this.#recentSamples - oldest.samples >= RECENT_SAMPLES;
      [oldest] = this.#recent
    ) {
      this.#recent.shift();
      this.#recentSamples -= oldest.samples;
    }
  }

  /**
   * Encodes the sound from `position` on. The encoder also hears the sound before it, and begins
   * earlier by its look-ahead, so that its packets continue the passed ones sample by sample.
   */
  async *#encodeFrom(position: number, items: AsyncIterable<VoiceItem>): AsyncGenerator<PlacedPacket> {
    const channels = this.#link.head.channels === 2 ? 2 : 1;
    const known = chained<VoiceItem>([this.#link, ...this.#recent], items);
    const sound = linkSound(known, { channels, skipsFirst: false, trouble: this.#options.trouble });
    const warmUp = Math.min(WARM_UP_PACKETS, Math.floor(this.#recentSamples / PACKET_SAMPLES));
    const before = this.#recentSamples - warmUp * PACKET_SAMPLES;
    let lookAhead = 0;
    const blocks = () => without(sound, (before + lookAhead) * channels);
    const encoded = await encodeVoice({ channels, sampleRate: 48_000, samples: undefined, blocks }, this.#options);
    lookAhead = encoded.format.preSkip;
    let left = warmUp;
    for await (const placed of placeInTurn(encoded.packets(), PACKET_SAMPLES, position - warmUp * PACKET_SAMPLES))
      if (left-- <= 0) yield placed;
  }
}

/** Yields `blocks` without their first `count` values. */
async function* without(blocks: AsyncIterable<Float32Array>, count: number): AsyncGenerator<Float32Array> {
  let left = count;
  for await (const block of blocks) {
    const part = block.subarray(Math.min(left, block.length));
    left -= block.length - part.length;
    if (part.length > 0) yield part;
  }
}
