// The packets of a voice that are sent, with their positions in time.

/** One Opus packet. */
export interface PlacedPacket {
  readonly packet: Uint8Array;
  /**
   * Its first 48 kHz sample on the voice's timeline, including pre-skip. Increases; jumps where
   * sound is missing.
   */
  readonly position: number;
  /** How long it lasts. */
  readonly samples: number;
}

/** Places packets one after another, starting at `position`. */
export async function* placeInTurn(packets: AsyncIterable<Uint8Array>, samples: number, position = 0): AsyncGenerator<PlacedPacket> {
  let at = position;
  for await (const packet of packets) {
    yield { packet, position: at, samples };
    at += samples;
  }
}
