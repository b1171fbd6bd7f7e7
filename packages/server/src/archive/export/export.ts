// Exports a stretch of one voice as one Ogg Opus file. Segments of the archive are cut at packet
// boundaries and joined, with late frames in their places; bytes are written as they become
// complete. It holds one segment and the late packets within it.
import { createHash } from 'node:crypto';
import { epochFromText, epochStartedMs, epochText, OPUS_SAMPLE_RATE } from '@hayate/protocol';
import { OggOpusWriter, type OpusTag } from '../../format/ogg/index.ts';
import { HayateError } from '../../kernel/error.ts';
import type { Store } from '../../store/store.ts';
import type { BroadcastName } from '../layout/broadcast-name.ts';
import { readErasure } from '../layout/erasure-record.ts';
import { listVoice, listVoiceEpochs, positionAt, type ReadSegment, readSegment, type Voice, type VoiceSegment } from './export-segments.ts';
import { PacketRun, type PlacedPacket, spliceLate } from './export-timeline.ts';

/** A moment of a broadcast: a clock time, or seconds since the broadcast began. */
export type Moment = { readonly unixMs: number } | { readonly seconds: number };

/** The voice and stretch to export. */
export interface VoiceRequest {
  stream: string;
  /** 16 hex digits; absent: the newest broadcast with voice in the requested time. */
  epoch?: string | undefined;
  participant: number;
  /** Absent: from the beginning. */
  from?: Moment | undefined;
  /** Absent: to the end. */
  to?: Moment | undefined;
}

/** The result of an export. */
export interface ExportedVoice extends BroadcastName {
  /** Unix milliseconds at which the first sample played was captured. */
  startUnixMs: number;
  /** Duration that a player plays. */
  durationMs: number;
  /** Of the duration, milliseconds of silence that fill holes between segments. */
  filledMs: number;
  packets: number;
  /** Late packets that were put in their places. */
  splicedPackets: number;
}

/** Samples before the first one played, for a decoder to converge (RFC 7845 section 4.6). */
const CONVERGENCE_SAMPLES = 3_840;

/** Maximum difference between a broadcaster's clock and the servers' clocks. */
const CLOCK_SLACK_MS = 3_600_000;

/** Tags that apply to every part of a segment. */
const KEPT_TAGS = ['TITLE', 'ARTIST', 'HAYATE_STREAM', 'HAYATE_EPOCH', 'HAYATE_PARTICIPANT', 'HAYATE_CLOCK', 'HAYATE_CLOCK_UNCERTAINTY_US'];

/** A stretch of the timeline, in positions. */
interface Stretch {
  from: number;
  to: number;
}

/** Takes bytes in order. Its result is awaited before more is read. */
type WriteBytes = (bytes: Uint8Array) => unknown;

/**
 * Exports a voice; `write` takes the file's bytes in order. Throws NOT_FOUND if there is no voice
 * in the requested time, GONE if it was erased or is no longer kept, CORRUPT for a segment that
 * cannot be read.
 */
export async function exportVoice(store: Store, request: VoiceRequest, write: WriteBytes): Promise<ExportedVoice> {
  const { stream, participant } = request;
  for (const epoch of request.epoch === undefined ? await listVoiceEpochs(store, stream) : [request.epoch]) {
    const name = { stream, epoch };
    if ((await readErasure(store, name)) !== undefined) {
      if (request.epoch === undefined) continue;
      throw new HayateError('GONE', `the broadcast ${stream}/${epoch} has been erased`);
    }
    if (isAfter(epoch, request.to)) continue;
    const voice = await listVoice(store, name, participant);
    const stretch = await stretchOf(store, voice, request);
    const exported = stretch === undefined ? undefined : await new VoiceExport(store, name, voice, stretch, write).run();
    if (exported !== undefined) return exported;
  }
  throw new HayateError('NOT_FOUND', 'the archive has no such voice in the requested time');
}

class VoiceExport {
  readonly #store: Store;
  readonly #voice: Voice;
  readonly #stretch: Stretch;
  readonly #write: WriteBytes;
  /** The result of the last `write`, to be awaited. */
  #written: unknown;
  readonly #run = new PacketRun();
  /** Late packets that have been read, from the first one needed on. */
  readonly #late: PlacedPacket[] = [];
  #lateRead = 0;
  /** The packets before the first one played. */
  #preroll: PlacedPacket[] = [];
  #writer: OggOpusWriter | undefined;
  #preSkip = 0;
  readonly #exported: ExportedVoice;

  constructor(store: Store, name: BroadcastName, voice: Voice, stretch: Stretch, write: WriteBytes) {
    this.#store = store;
    this.#voice = voice;
    this.#stretch = stretch;
    this.#write = write;
    this.#exported = { ...name, startUnixMs: 0, durationMs: 0, filledMs: 0, packets: 0, splicedPackets: 0 };
  }

  /** Returns undefined, and writes nothing, if the stretch has no packet. */
  async run(): Promise<ExportedVoice | undefined> {
    const { onTime } = this.#voice;
    const first = onTime.findLastIndex(({ position }) => position <= this.#stretch.from - CONVERGENCE_SAMPLES);
    for (const [i, segment] of onTime.entries()) {
      if (i < first) continue;
      if (segment.position >= this.#stretch.to) break;
      await this.#written;
      const read = await readSegment(this.#store, segment);
      // The pre-roll repeats the previous segment, if that was read too. Late voice may lie in the
      // hole after a segment.
      const start = i <= Math.max(first, 0) ? (read.packets[0]?.position ?? 0) : segment.position;
      const end = onTime[i + 1]?.position ?? Infinity;
      const onTimePackets = read.packets.filter(({ position }) => position >= start);
      if (this.#take(spliceLate(onTimePackets, await this.#lateIn(start, end), end), segment, read)) break;
    }
    const writer = this.#writer;
    if (writer === undefined) return undefined;
    this.#exported.durationMs = (writer.samples - this.#preSkip) / 48;
    await this.#write(writer.end());
    return this.#exported;
  }

  /** Writes the packets that belong to the stretch; true if the stretch is complete. */
  #take(packets: readonly PlacedPacket[], segment: VoiceSegment, read: ReadSegment): boolean {
    for (const packet of this.#run.follow(packets)) {
      if (packet.position >= this.#stretch.to) return true;
      const isFilling = packet.origin === 'filling';
      if (this.#writer === undefined && (isFilling || packet.position + packet.samples <= this.#stretch.from)) {
        this.#keepForPreroll(packet);
        continue;
      }
      this.#writer ??= this.#open(packet, segment, read);
      this.#writer.write(packet.data);
      this.#exported.packets++;
      if (packet.origin === 'late') this.#exported.splicedPackets++;
      if (isFilling) this.#exported.filledMs += packet.samples / 48;
    }
    if (this.#writer !== undefined) this.#written = this.#write(this.#writer.take());
    return false;
  }

  /** Drops the packets before a hole: a decoder needs none of them. */
  #keepForPreroll(packet: PlacedPacket): void {
    if (packet.origin === 'filling') this.#preroll = [];
    else this.#preroll.push(packet);
    while (samplesOf(this.#preroll.slice(1)) >= CONVERGENCE_SAMPLES) this.#preroll.shift();
  }

  #open(packet: PlacedPacket, { stream, epoch, participant }: VoiceSegment, { link, unixUsAt }: ReadSegment): OggOpusWriter {
    const first = this.#preroll[0] ?? packet;
    // The encoder's delay is hidden at the start of the voice.
    const codecDelay = first.position === 0 ? link.head.preSkip : 0;
    this.#preSkip = Math.max(samplesOf(this.#preroll), codecDelay);
    const startUs = unixUsAt(first.position + this.#preSkip);
    const tags: OpusTag[] = link.tags.filter(([name]) => KEPT_TAGS.includes(name));
    tags.push(
      ['DATE', new Date(startUs / 1000).toISOString()],
      ['HAYATE_POSITION', String(packet.position)],
      ['HAYATE_PREROLL_SAMPLES', String(samplesOf(this.#preroll))],
      ['HAYATE_START_UNIX_US', String(startUs)],
    );
    this.#exported.startUnixMs = startUs / 1000;
    const { channels, inputSampleRate } = link.head;
    const serial = createHash('sha256')
      .update(JSON.stringify([stream, epochText(epoch), participant, first.position]))
      .digest()
      .readUInt32LE();
    const writer = new OggOpusWriter({ serial, channels, inputSampleRate, preSkip: this.#preSkip, tags });
    for (const { data } of this.#preroll) writer.write(data);
    return writer;
  }

  /**
   * Returns late packets that begin from `start` to before `end`. Successive calls must ask for
   * ascending stretches.
   */
  async #lateIn(start: number, end: number): Promise<PlacedPacket[]> {
    for (; ; this.#lateRead++) {
      const segment = this.#voice.late[this.#lateRead];
      if (segment === undefined || segment.position >= end) break;
      for (const packet of (await readSegment(this.#store, segment)).packets) if (packet.position >= start) this.#late.push(packet);
    }
    const here = this.#late.filter(({ position }) => position >= start && position < end);
    const later = this.#late.filter(({ position }) => position >= end);
    this.#late.splice(0, Infinity, ...later);
    return here;
  }
}

/** Returns the positions of the requested moments; undefined if the voice ends before them. */
async function stretchOf(store: Store, voice: Voice, { from, to }: VoiceRequest): Promise<Stretch | undefined> {
  const place = (moment: Moment) =>
    'seconds' in moment ? Math.round(moment.seconds * OPUS_SAMPLE_RATE) : positionAt(store, voice, moment.unixMs);
  const begin = from === undefined ? 0 : await place(from);
  if (begin === undefined) return undefined;
  return { from: begin, to: (to === undefined ? undefined : await place(to)) ?? Infinity };
}

/** Whether the broadcast began after the moment, allowing for differing clocks. */
function isAfter(epoch: string, moment: Moment | undefined): boolean {
  return moment !== undefined && 'unixMs' in moment && epochStartedMs(epochFromText(epoch) ?? 0n) > moment.unixMs + CLOCK_SLACK_MS;
}

function samplesOf(packets: readonly PlacedPacket[]): number {
  return packets.reduce((sum, { samples }) => sum + samples, 0);
}
