// A voice's timeline in packets: what came on time and what came late go in, one run of packets without holes comes out. Late
// packets stand in place of the concealment at their positions; holes are filled with more of it. Pure.
import { opusPacketSamples } from '@hayate/protocol';
import { concealGap, GAP_STEP_SAMPLES, isConcealment } from '../format/ogg/index.ts';

/** One Opus packet on the timeline. */
export interface PlacedPacket {
  readonly data: Uint8Array;
  /** At 48 kHz. */
  readonly samples: number;
  /** Where it begins, 48 kHz samples since the epoch began. */
  readonly position: number;
  /** `late`: it came late. `filling`: it fills a hole that the archive left open. */
  readonly origin?: 'late' | 'filling';
}

/** Packets that follow one another, the first at `position`. */
export function placePackets(packets: Iterable<Uint8Array>, position: number): PlacedPacket[] {
  let next = position;
  return Array.from(packets, (data) => {
    const samples = opusPacketSamples(data);
    next += samples;
    return { data, samples, position: next - samples };
  });
}

/**
 * `onTime`, in order of position, with those of `late` that have sound and lie where it has none: in its holes, and over
 * concealment that they replace. None that reaches beyond `end`. In order.
 */
export function spliceLate(onTime: readonly PlacedPacket[], late: readonly PlacedPacket[], end: number): PlacedPacket[] {
  const replaced = new Set<PlacedPacket>();
  const put: PlacedPacket[] = [];
  let at = 0;
  for (const packet of late.toSorted((a, b) => a.position - b.position)) {
    while (endOf(onTime[at]) <= packet.position) at++;
    const there: PlacedPacket[] = [];
    for (let i = at, other = onTime[i]; other !== undefined && other.position < endOf(packet); other = onTime[++i]) there.push(other);
    // What is left of the concealment must be filled again, which goes in steps.
    const isFree = there.every(({ data, position }) => isConcealment(data) && (packet.position - position) % GAP_STEP_SAMPLES === 0);
    const follows = put.length === 0 || endOf(put.at(-1)) <= packet.position;
    if (isConcealment(packet.data) || !isFree || !follows || endOf(packet) > end) continue;
    put.push({ ...packet, origin: 'late' });
    for (const other of there) replaced.add(other);
  }
  return [...onTime.filter((packet) => !replaced.has(packet)), ...put].sort((a, b) => a.position - b.position);
}

/** Puts packets one behind the other. */
export class PacketRun {
  #last: PlacedPacket | undefined;
  /** Behind the last packet, as long as the packets are: less than 2.5 ms behind their positions. */
  #end = 0;

  /** `packets`, in order, without what overlaps those before; holes filled in the manner of the packet before them. */
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

/** Where a packet ends; behind everything if there is none. */
function endOf(packet: PlacedPacket | undefined): number {
  return packet === undefined ? Infinity : packet.position + packet.samples;
}
