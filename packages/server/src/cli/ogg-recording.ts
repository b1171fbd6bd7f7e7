// Writes voice frames, as a viewer receives them, to one Ogg/Opus file. The file keeps the stream's
// timeline: lost packets become packets that make the decoder conceal the loss, so the recording is
// as long as the broadcast.
import { opusPacketSamples } from '@hayate/protocol';
import { concealGap, GAP_STEP_SAMPLES, OggOpusWriter, type OpusTag } from '../format/ogg/index.ts';

/**
 * Longest gap that is filled; after a longer jump the recording's timeline starts from the new
 * position.
 */
const GAP_SAMPLES_MAX = 48_000 * 3_600;
/**
 * A recording that begins in mid-stream hides the time in which a decoder converges (RFC 7845
 * section 4.6: 80 ms).
 */
const CONVERGENCE_SAMPLES = 3_840;

/**
 * A recording whose voice begins this early in the broadcast hides only the encoder's own pre-skip.
 */
const STARTED_SAMPLES = 48_000;

/** The voice's encoding, from the stream's header. */
interface RecordingFormat {
  channels: number;
  preSkip: number;
  inputSampleRate: number;
  tags: readonly OpusTag[];
}

/** Writes a recording. */
export class OggRecording {
  readonly #format: RecordingFormat;
  #writer: OggOpusWriter | undefined;
  #next = 0;
  #last: Uint8Array | undefined;
  /** Packets that were written unchanged. */
  packets = 0;
  /** 48 kHz samples of concealment that were added. */
  concealedSamples = 0;
  /** Packets left out because their time was already written. */
  late = 0;

  constructor(format: RecordingFormat) {
    this.#format = format;
  }

  /** 48 kHz samples written so far. */
  get samples(): number {
    return this.#writer?.samples ?? 0;
  }

  /**
   * Adds consecutive packets, the first at `position` (48 kHz samples); returns the bytes that can
   * be written to the file.
   */
  add(packets: readonly Uint8Array[], position: number): Uint8Array {
    const writer = this.#open(position);
    let at = position;
    for (const packet of packets) {
      const samples = opusPacketSamples(packet);
      if (at < this.#next) this.late++;
      else {
        this.#fill(writer, at, packet);
        writer.write(packet);
        this.packets++;
        this.#last = packet;
        this.#next = at + samples;
      }
      at += samples;
    }
    return writer.take();
  }

  /** Ends the file; returns the remaining bytes, empty if there was no voice at all. */
  end(): Uint8Array {
    return this.#writer?.end() ?? new Uint8Array();
  }

  #open(position: number): OggOpusWriter {
    if (this.#writer !== undefined) return this.#writer;
    const { channels, preSkip, inputSampleRate, tags } = this.#format;
    this.#next = position;
    this.#writer = new OggOpusWriter({
      serial: 1,
      channels,
      preSkip: position < STARTED_SAMPLES ? preSkip : Math.max(preSkip, CONVERGENCE_SAMPLES),
      inputSampleRate,
      tags,
    });
    return this.#writer;
  }

  #fill(writer: OggOpusWriter, at: number, next: Uint8Array): void {
    const gap = at - this.#next;
    if (gap > GAP_SAMPLES_MAX) return;
    const samples = gap - (gap % GAP_STEP_SAMPLES);
    for (const packet of concealGap(samples, this.#last ?? next) ?? []) writer.write(packet);
    this.concealedSamples += samples;
  }
}
