// Joins a voice's on-time and late packets into one run without holes. Late packets replace the
// concealment at their positions; holes are filled with more concealment. Pure.
import { opusPacketSamples } from '@hayate/protocol';
import { concealGap, GAP_STEP_SAMPLES, isConcealment } from '../../format/ogg/index.ts';

/** One Opus packet on the timeline. */
export interface PlacedPacket {
  readonly data: Uint8Array;
  /** Duration at 48 kHz. */
  readonly samples: number;
  /** Its first sample, in 48 kHz samples since the epoch began. */
  readonly position: number;
  /** `late`: the packet was late. `filling`: it fills a hole that the archive left open. */
  readonly origin?: 'late' | 'filling';
}

/** Places packets one after another, the first at `position`. */
export function placePackets(packets: Iterable<Uint8Array>, position: number): PlacedPacket[] {
  let next = position;
  return Array.from(packets, (data) => {
    const samples = opusPacketSamples(data);
    next += samples;
    return { data, samples, position: next - samples };
  });
}

/**
 * Inserts packets of `late` that have sound into `onTime`, where that has no sound: in its holes,
 * and over concealment that they replace. `onTime` is in order of position. Leaves out late packets
 * that reach beyond `end`. The result is in order.
 */
export function spliceLate(onTime: readonly PlacedPacket[], late: readonly PlacedPacket[], end: number): PlacedPacket[] {
  const replaced = new Set<PlacedPacket>();
  const put: PlacedPacket[] = [];
  let at = 0;
  for (const packet of late.toSorted((a, b) => a.position - b.position)) {
    while (endOf(onTime[at]) <= packet.position) at++;
    const there: PlacedPacket[] = [];
    for (let i = at, other = onTime[i]; other !== undefined && other.position < endOf(packet); other = onTime[++i]) there.push(other);
    // The rest of the concealment must be filled again, in whole steps.
    const isFree = there.every(({ data, position }) => isConcealment(data) && (packet.position - position) % GAP_STEP_SAMPLES === 0);
    const follows = put.length === 0 || endOf(put.at(-1)) <= packet.position;
    if (isConcealment(packet.data) || !isFree || !follows || endOf(packet) > end) continue;
    put.push({ ...packet, origin: 'late' });
    for (const other of there) replaced.add(other);
  }
  return [...onTime.filter((packet) => !replaced.has(packet)), ...put].sort((a, b) => a.position - b.position);
}

/** Joins packets without holes. */
export class PacketRun {
  #last: PlacedPacket | undefined;
  /**
   * End of the last packet, as the sum of the packets' durations: less than 2.5 ms after the end by
   * their positions.
   */
  #end = 0;

  /**
   * Yields `packets`, in order, without those that overlap earlier ones. Holes are filled in the
   * mode of the packet before them.
   */
  *follow(packets: Iterable<PlacedPacket>): Iterable<PlacedPacket> {
    for (const packet of packets) {
      const last = this.#last;
      if (last === undefined) this.#end = packet.position;
      else if (packet.position < endOf(last)) continue;
      else {
        const hole = packet.position - this.#end;
        for (const filling of placePackets(concealGap(hole - (hole % GAP_STEP_SAMPLES), last.data) ?? [], this.#end)) {
          yield { ...filling, origin: 'filling' };
          this.#end = endOf(filling);
        }
      }
      yield packet;
      this.#last = packet;
      this.#end += packet.samples;
    }
  }
}

/** Returns a packet's end; Infinity if there is no packet. */
function endOf(packet: PlacedPacket | undefined): number {
  return packet === undefined ? Infinity : packet.position + packet.samples;
}
