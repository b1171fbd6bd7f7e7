// Voice frames as a viewer gets them in, one Ogg/Opus file out. The file's timeline is the stream's own: what was lost
// becomes packets that ask the decoder for concealment, so the recording is as long as the broadcast.
import { opusPacketSamples } from '@hayate/protocol';
import { concealGap, GAP_STEP_SAMPLES, OggOpusWriter, type OpusTag } from '../format/ogg/index.ts';

/** Longest gap that is filled; the timeline of a stream that jumps further is taken up anew. */
const GAP_SAMPLES_MAX = 48_000 * 3_600;
/** A recording that begins in mid-stream hides a decoder's convergence (RFC 7845 section 4.6: 80 ms). */
const CONVERGENCE_SAMPLES = 3_840;

/** A recording whose voice begins this early in the broadcast begins with the voice itself. */
const STARTED_SAMPLES = 48_000;

/** How the voice is encoded: from the stream's header. */
export interface RecordingFormat {
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
  /** Packets written as they came. */
  packets = 0;
  /** Samples at 48 kHz that were filled in. */
  concealedSamples = 0;
  /** Packets for a time already written, left out. */
  late = 0;

  constructor(format: RecordingFormat) {
    this.#format = format;
  }

  /** Samples at 48 kHz written so far. */
  get samples(): number {
    return this.#writer?.samples ?? 0;
  }

  /** Takes consecutive packets, the first at `position` (48 kHz samples); returns what can be written to the file. */
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

  /** Ends the file; returns the rest of it, empty if there was no voice at all. */
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
