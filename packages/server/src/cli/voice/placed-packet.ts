// What is sent of a voice: packets with their places in time.

/** One Opus packet. */
export interface PlacedPacket {
  readonly packet: Uint8Array;
  /** Its first 48 kHz sample on the timeline of the voice, pre-skip included. Grows; jumps where sound is missing. */
  readonly position: number;
  /** How long it lasts. */
  readonly samples: number;
}

/** Places packets one after another, from `position` on. */
export async function* placeInTurn(packets: AsyncIterable<Uint8Array>, samples: number, position = 0): AsyncGenerator<PlacedPacket> {
  let at = position;
  for await (const packet of packets) {
    yield { packet, position: at, samples };
    at += samples;
  }
}
