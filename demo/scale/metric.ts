// The part of Prometheus's text format that the demo needs. In: a name and labels. Out: the sum of
// the matching series.

/** The metrics of one process at one moment. */
export class Metrics {
  readonly #lines: readonly string[];

  private constructor(text: string) {
    this.#lines = text.split('\n');
  }

  /** Reads the internal port at `url`. Rejects if it does not answer within two seconds. */
  static async of(url: string): Promise<Metrics> {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return new Metrics(await response.text());
  }

  /**
   * The sum of all series called `name` that have the label, if one is given:
   * `shard="127.0.0.1:6379"`.
   */
  sum(name: string, label = ''): number {
    return this.#lines
      .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
