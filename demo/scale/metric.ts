// Prometheus' text format, as far as the demo reads it: a name and labels in, the sum of the series that have them out.

/** What a process has counted, at a moment. */
export class Metrics {
  readonly #lines: readonly string[];

  private constructor(text: string) {
    this.#lines = text.split('\n');
  }

  /** Asks the internal port at `url`. Rejects if it does not answer within two seconds. */
  static async of(url: string): Promise<Metrics> {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return new Metrics(await response.text());
  }

  /** The sum of all series called `name` that have the label, if one is given: `shard="127.0.0.1:6379"`. */
  sum(name: string, label = ''): number {
    return this.#lines
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
