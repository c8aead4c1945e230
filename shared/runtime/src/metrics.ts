type Labels = Readonly<Record<string, string>>;

/** One of several values of a gauge. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Counters and gauges of one process, shown in Prometheus' text format on its management port. */
export interface Metrics {
  /** Adds to a counter; its name ends in `_total`. */
  count(name: string, labels?: Labels, by?: number): void;
  /** A series of a counter, there from now on. @returns adds to it: for what is counted so often that reading the labels each time would cost */
  counter(name: string, labels?: Labels): (by?: number) => void;
  /**
   * A value read each time the metrics are shown. Several parts may share a name: the series of all of them are shown, and of one series, which its
   * labels name, the value of the part that was added last.
   */
  gauge(name: string, help: string, read: () => number | readonly Sample[]): void;
  /** A gauge's value, of one with labels the sum; undefined while nobody shows it. */
  read(name: string): number | undefined;
  /** The text exposition format, version 0.0.4. */
  expose(): string;
}

export function createMetrics(): Metrics {
  const counters = new Map<string, Map<string, { value: number }>>();
  const gauges = new Map<
    string,
    { readonly help: string; readonly reads: readonly (() => number | readonly Sample[])[] }
  >();

  function seriesOf(name: string, labels: Labels): { value: number } {
    const all = counters.get(name) ?? new Map<string, { value: number }>();
    counters.set(name, all);
    const key = formatLabels(labels);
    const series = all.get(key) ?? { value: 0 };
    all.set(key, series);
    return series;
  }

  /** The value of each series of a gauge, by its labels as they are shown. */
  function seriesOfGauge(reads: readonly (() => number | readonly Sample[])[]): ReadonlyMap<string, number> {
    const samples = reads.flatMap((read) => {
      const given = read();
      return typeof given === "number" ? [{ labels: {}, value: given }] : given;
    });
    return new Map(samples.map(({ labels, value }) => [formatLabels(labels), value]));
  }

  return {
    count(name, labels = {}, by = 1) {
      seriesOf(name, labels).value += by;
    },
    counter(name, labels = {}) {
      const series = seriesOf(name, labels);
      return (by = 1) => {
        series.value += by;
      };
    },
    gauge(name, help, read) {
      gauges.set(name, { help, reads: [...(gauges.get(name)?.reads ?? []), read] });
    },
    read(name) {
      const gauge = gauges.get(name);
      return gauge && [...seriesOfGauge(gauge.reads).values()].reduce((sum, value) => sum + value, 0);
    },
    expose() {
      const lines: string[] = [];
      for (const [name, series] of counters) {
        lines.push(`# TYPE ${name} counter`);
        for (const [labels, { value }] of series) lines.push(`${name}${labels} ${value}`);
      }
      for (const [name, { help, reads }] of gauges) {
        lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
        for (const [labels, value] of seriesOfGauge(reads)) lines.push(`${name}${labels} ${value}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
