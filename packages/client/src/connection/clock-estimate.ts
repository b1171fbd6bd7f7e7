// The server's wall clock over the local monotonic clock, from round trips: the answer's time lies within the trip, so
// its middle is right within half of it. The best of the last 16 trips counts, ageing by the drift two clocks may have.

/** One round trip. */
export interface RoundTrip {
  sentMs: number;
  receivedMs: number;
  /** The server's clock when it answered, Unix microseconds. */
  serverUnixUs: number;
}

/** Server's Unix microseconds less local monotonic microseconds; the truth lies within +- errorUs. */
export interface ClockOffset {
  offsetUs: number;
  errorUs: number;
}

const TRIPS_MAX = 16;
/** How far apart two crystals may run, microseconds a millisecond: 100 parts in a million. */
const DRIFT_US_PER_MS = 0.1;

/** Estimates the server's clock. */
export class ClockEstimate {
  #trips: RoundTrip[] = [];

  add(trip: RoundTrip): void {
    this.#trips.push(trip);
    if (this.#trips.length > TRIPS_MAX) this.#trips.shift();
  }

  /** Of the latest trip; undefined before the first. */
  get roundTripMs(): number | undefined {
    const latest = this.#trips.at(-1);
    return latest && latest.receivedMs - latest.sentMs;
  }

  /** The shortest of the last trips. */
  get shortestRoundTripMs(): number | undefined {
    return this.#trips.length === 0 ? undefined : Math.min(...this.#trips.map((trip) => trip.receivedMs - trip.sentMs));
  }

  /** The best estimate at `nowMs`; undefined before the first trip. */
  at(nowMs: number): ClockOffset | undefined {
    let best: ClockOffset | undefined;
    for (const { sentMs, receivedMs, serverUnixUs } of this.#trips) {
      const errorUs = Math.round((receivedMs - sentMs) * 500 + Math.max(0, nowMs - receivedMs) * DRIFT_US_PER_MS);
      if (best === undefined || errorUs < best.errorUs)
        best = { offsetUs: Math.round(serverUnixUs - (sentMs + receivedMs) * 500), errorUs };
    }
    return best;
  }
}
