// All frames of one epoch that arrived, on any connection. In: a frame. Out: the rules that it
// breaks. It keeps the bytes of each frame, so that a resent frame can be compared with the first
// (B2).
import { fromBinary } from '@bufbuild/protobuf';
import { AudioSchema, type FrameHeader, framePayload, isKey, Kind, opusPacketSamples, peekFrame, RangeSet } from '@hayate/protocol';
import type { Verdict } from '../verdict.ts';

/** A frame as it first arrived. */
interface LedgerFrame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

/**
 * Maximum time between keys of a participant (B12) in microseconds, plus an allowance for timers.
 */
const KEY_US_MAX = 1_000_000 + 50_000;

/** The frames of one epoch. */
export class FrameLedger {
  readonly stream: string;
  readonly epoch: bigint;
  /** Sequences that the kit's server has or does not need. */
  readonly known = new RangeSet();
  readonly declared = new RangeSet();
  readonly frames = new Map<number, LedgerFrame>();
  readonly #verdict: Verdict;
  /** The newest frame's or range's last sequence, plus 1. */
  next = 0;
  /** Total bytes of all frames. */
  bytes = 0;

  constructor({ stream, epoch, verdict }: { stream: string; epoch: bigint; verdict: Verdict }) {
    this.stream = stream;
    this.epoch = epoch;
    this.#verdict = verdict;
  }

  /** Every sequence before this one is known. */
  get durable(): number {
    return this.known.nextMissing(0);
  }

  /** Takes a frame; undefined if it cannot be read or does not belong here. */
  take(bytes: Uint8Array): FrameHeader | undefined {
    const header = this.#read(bytes);
    if (header === undefined) return undefined;
    const { sequence, kind } = header;
    const isOurs = header.stream === this.stream && header.epoch === this.epoch;
    if (!this.#verdict.check('B1', isOurs, `frame ${sequence} names another stream or epoch than Published`)) return undefined;
    const before = this.frames.get(sequence);
    if (before === undefined) {
      this.frames.set(sequence, { header, bytes, atMs: performance.now() });
      this.bytes += bytes.length;
      if (sequence === 0) this.#verdict.check('B2', kind === Kind.HEADER, `frame 0 is of kind ${kind} and not a HEADER`);
    } else {
      const isSame = Buffer.compare(before.bytes, bytes) === 0;
      this.#verdict.check('B2', isSame, `sequence ${sequence} arrived with different bytes than before`);
    }
    this.known.add(sequence);
    this.next = Math.max(this.next, sequence + 1);
    return header;
  }

  /** Takes a range declared dropped. */
  declare(first: number, last: number): void {
    if (!this.#verdict.check('B8', first <= last && last < this.next + 65_536, `the range ${first} to ${last} is invalid`)) return;
    this.declared.add(first, last);
    this.known.add(first, last);
    this.next = Math.max(this.next, last + 1);
  }

  /** The server was killed, and has lost its frames from `from` on. */
  forgetFrom(from: number): void {
    this.known.remove(from, this.next);
  }

  /** Judges the rules about the whole epoch (B12, B13). */
  conclude(): void {
    const frames = [...this.frames.values()].sort((one, other) => one.header.sequence - other.header.sequence);
    this.#judgeMotion(frames);
    this.#judgePositions(frames);
  }

  #judgeMotion(frames: readonly LedgerFrame[]): void {
    const keys = new Map<number, FrameHeader[]>();
    const hasKey = frames.some(({ header }) => header.kind === Kind.MOTION && isKey(header));
    this.#verdict.check('B12', hasKey, 'no key of MOTION arrived');
    for (const { header } of frames) {
      if (header.kind !== Kind.MOTION) continue;
      const { sequence, participant, keySequence } = header;
      const own = keys.get(participant) ?? [];
      keys.set(participant, own);
      if (isKey(header)) {
        own.push(header);
        continue;
      }
      const named = own.find((key) => key.sequence === keySequence);
      const [newest] = own.slice(-1);
      // A key that never arrived may have been dropped. Then only the frame itself can be judged.
      const known = this.frames.has(keySequence) || keySequence >= sequence;
      if (known)
        this.#verdict.check(
          'B12',
          named !== undefined,
          `delta ${sequence} names ${keySequence}, which is not a key of participant ${participant}`,
        );
      if (newest === undefined) continue;
      const ageUs = header.captureUs - newest.captureUs;
      this.#verdict.check('B12', ageUs <= KEY_US_MAX, `delta ${sequence} is ${Math.round(ageUs / 1000)} ms later than the newest key`);
    }
  }

  #judgePositions(frames: readonly LedgerFrame[]): void {
    const ends = new Map<number, number>();
    for (const { header, bytes } of frames) {
      if (header.kind !== Kind.AUDIO) continue;
      const { sequence, participant, position } = header;
      const end = ends.get(participant) ?? 0;
      this.#verdict.check('B13', position >= end, `frame ${sequence} is at ${position}, before ${end}, the end of the previous one`);
      ends.set(participant, Math.max(end, position + this.#samplesOf(header, bytes)));
    }
  }

  #samplesOf(header: FrameHeader, bytes: Uint8Array): number {
    try {
      return fromBinary(AudioSchema, framePayload(bytes, header)).packets.reduce((sum, packet) => sum + opusPacketSamples(packet), 0);
    } catch {
      this.#verdict.fail('B13', `frame ${header.sequence} holds no Opus packets, so its end is unknown`);
      return 0;
    }
  }

  #read(bytes: Uint8Array): FrameHeader | undefined {
    try {
      return peekFrame(bytes);
    } catch (error) {
      this.#verdict.fail('B1', `a frame cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
