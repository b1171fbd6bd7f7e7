// Estimates the server's wall clock over the local monotonic clock from round trips. The server
// answers within the trip, so its middle is right to within half of it. The best of the last 16
// trips counts; its error grows with the drift that two clocks may have.

/** One round trip. */
export interface RoundTrip {
  sentMs: number;
  receivedMs: number;
  /** The server's clock when it answered, Unix microseconds. */
  serverUnixUs: number;
}

/**
 * Server's Unix microseconds minus local monotonic microseconds; the true value lies within +-
 * errorUs.
 */
export interface ClockOffset {
  offsetUs: number;
  errorUs: number;
}

const TRIPS_MAX = 16;
/** The largest drift between two clocks, microseconds per millisecond: 100 parts per million. */
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
