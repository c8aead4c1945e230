import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  type Metric,
  type OpenMetricsContentType,
  openMetricsContentType,
  Registry,
} from "prom-client";

/** For the values of a label that are few but known only when a process runs, such as its routes. */
export const CONFIGURED = "configured";

/** Stands for a label's value that is not among those it can have, so that nothing from outside can make more series. */
export const OTHER = "other";

type Labels<Name extends string> = Readonly<Record<Name, string>>;

/** What a metric is called and what it says, by Prometheus' conventions: base units, the unit in the name, `_total` behind a counter's name. */
export interface Description<Name extends string = never> {
  readonly name: string;
  /** One sentence, without a full stop. */
  readonly help: string;
  /** By label its values. When all are listed, each of their combinations is shown as 0 from the start: an alert sees the first event. */
  readonly labels?: Readonly<Record<Name, readonly string[] | typeof CONFIGURED>>;
}

export interface Counter<Name extends string = never> {
  inc(labels: Labels<Name>, by?: number): void;
  /** One of its series, shown from now on. @returns adds to it: for what is counted often */
  child(labels: Labels<Name>): (by?: number) => void;
}

export interface Histogram<Name extends string = never> {
  observe(labels: Labels<Name>, value: number): void;
  /**
   * One of its series, shown from now on. @returns observes a value of it: for what is observed often; with the id of a sampled trace the value is an
   * exemplar of its bucket, if the histogram has them
   */
  child(labels: Labels<Name>): (value: number, traceId?: string) => void;
}

/** One of several values of a gauge. */
export interface Sample<Name extends string = string> {
  readonly labels: Labels<Name>;
  readonly value: number;
}

/** What a request for the metrics is answered with. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** The metrics of one process. Asked twice for the same name it gives the same metric. */
export interface Metrics {
  counter<Name extends string = never>(description: Description<Name>): Counter<Name>;
  /**
   * @param buckets upper bounds in the unit of the name, ascending
   * @param options `hasExemplars`: shown in OpenMetrics with the trace of one value of each bucket; its values are observed by `child` only
   */
  histogram<Name extends string = never>(
    description: Description<Name>,
    buckets: readonly number[],
    options?: { readonly hasExemplars: true },
  ): Histogram<Name>;
  /**
   * Values that are read each time the metrics are shown. Several parts may share a name: the series of all of them are shown, and of one series, which
   * its labels name, the value of the part that was added last.
   */
  gauge<Name extends string = never>(
    description: Description<Name>,
    read: () => number | readonly Sample<Name>[],
  ): void;
  /** A gauge's value, of one with labels the sum; undefined while nobody shows it. */
  read(name: string): number | undefined;
  /** Prometheus' text format, version 0.0.4. */
  expose(): Promise<string>;
  /** @param accept that header of the request: OpenMetrics 1.0.0 when it asks for it, else Prometheus' text format */
  exposeAs(accept: string | undefined): Promise<Exposition>;
  /** For metrics that a library defines, such as those of the runtime. */
  readonly registry: Registry;
}

/** Upper bounds in seconds for what a caller waits for: at most the deadline of a call. */
export const CALL_SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Upper bounds in seconds for what messages wait for: from a round trip to an outage. */
export const STAGE_SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300];
/** Upper bounds for how much is handled at once. */
export const BATCH_SIZES: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/** Counters, gauges and histograms of prom-client, apart from those of other processes that run in this one, as in tests. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const made = new Map<string, object>();
  const readers = new Map<string, (() => number | readonly Sample[])[]>();

  function once<Made extends object>(name: string, make: () => Made): Made {
    const metric = made.get(name) ?? make();
    made.set(name, metric);
    return metric as Made;
  }

  return {
    registry,
    counter<Name extends string>(description: Description<Name>) {
      return once(description.name, (): Counter<Name> => {
        const { names, combinations, bound } = labelsOf(description);
        const counter = new PromCounter({ ...named(description), labelNames: names, registers: [registry] });
        for (const labels of combinations) counter.inc(labels, 0);
        return {
          inc: (labels, by = 1) => counter.inc(bound(labels), by),
          child(labels) {
            const series = counter.labels(bound(labels));
            series.inc(0);
            return (by = 1) => series.inc(by);
          },
        };
      });
    },
    histogram<Name extends string>(
      description: Description<Name>,
      buckets: readonly number[],
      { hasExemplars }: { readonly hasExemplars?: true } = {},
    ) {
      return once(description.name, (): Histogram<Name> => {
        const { names, combinations, bound } = labelsOf(description);
        const options = { ...named(description), labelNames: names, buckets: [...buckets] };
        // Made apart from the registry, which by default shows the other format, without exemplars: prom-client refuses them there.
        const histogram = new PromHistogram({ ...options, registers: [], enableExemplars: hasExemplars ?? false });
        registry.registerMetric(histogram);
        const shown = new Set<string>();
        const show = (labels: Readonly<Record<string, string>>) => {
          const key = JSON.stringify(names.map((name) => labels[name]));
          if (!shown.has(key)) histogram.zero(labels);
          shown.add(key);
        };
        for (const labels of combinations) show(labels);
        return {
          observe(labels, value) {
            const own = bound(labels);
            show(own);
            histogram.observe(own, value);
          },
          child(labels) {
            const own = bound(labels);
            show(own);
            const series = histogram.labels(own);
            return (value, traceId) => {
              if (traceId === undefined || hasExemplars === undefined) series.observe(value);
              else histogram.observe({ labels: own, value, exemplarLabels: { trace_id: traceId } });
            };
          },
        };
      });
    },
    gauge<Name extends string>(description: Description<Name>, read: () => number | readonly Sample<Name>[]) {
      const { name } = description;
      const others = readers.get(name);
      if (others !== undefined) {
        others.push(read);
        return;
      }
      const all: (() => number | readonly Sample[])[] = [read];
      readers.set(name, all);
      const { names, combinations, bound } = labelsOf(description);
      const gauge = new PromGauge({
        ...named(description),
        labelNames: names,
        registers: [registry],
        collect() {
          gauge.reset();
          for (const labels of combinations) gauge.set(labels, 0);
          for (const given of all.map((one) => one())) {
            if (typeof given === "number") gauge.set(given);
            else for (const { labels, value } of given) gauge.set(bound(labels), value);
          }
        },
      });
    },
    read(name) {
      const all = readers.get(name);
      if (all === undefined) return undefined;
      const series = new Map<string, number>();
      for (const given of all.map((read) => read())) {
        if (typeof given === "number") series.set("", given);
        else for (const { labels, value } of given) series.set(JSON.stringify(labels), value);
      }
      return [...series.values()].reduce((sum, value) => sum + value, 0);
    },
    expose: () => registry.metrics(),
    async exposeAs(accept = "") {
      const isOpen = accept.includes("application/openmetrics-text");
      const shown = isOpen ? inOpenMetrics(registry) : registry;
      return { contentType: shown.contentType, text: await shown.metrics() };
    },
  };
}

const named = ({ name, help }: Pick<Description, "name" | "help">) => ({ name, help });

/** The same metrics in OpenMetrics. It names a counter without its `_total`, and prom-client would rename it for the other format too. */
function inOpenMetrics(registry: Registry): Registry<OpenMetricsContentType> {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(openMetricsContentType);
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name);
    if (metric !== undefined) open.registerMetric(metric instanceof PromCounter ? withoutTotal(metric) : metric);
  }
  return open;
}

function withoutTotal(counter: PromCounter): Metric {
  const get = async () => {
    const shown = await counter.get();
    return { ...shown, name: shown.name.replace(/_total$/, "") };
  };
  return Object.assign(Object.create(counter) as PromCounter, { get });
}

/** A description's labels, with every combination of their values when all are listed. */
function labelsOf<Name extends string>({ labels }: Pick<Description<Name>, "labels">) {
  const listed = Object.entries<readonly string[] | typeof CONFIGURED>(labels ?? {});
  const names = listed.map(([name]) => name);
  let combinations: readonly Readonly<Record<string, string>>[] = names.length === 0 ? [] : [{}];
  for (const [name, values] of listed)
    combinations =
      values === CONFIGURED
        ? []
        : combinations.flatMap((others) => values.map((value) => ({ ...others, [name]: value })));
  const allowed = listed.flatMap(([name, values]) => (values === CONFIGURED ? [] : [[name, new Set(values)] as const]));
  return {
    names,
    combinations,
    bound(given: Labels<Name>): Record<string, string> {
      const own: Record<string, string> = { ...given };
      for (const [name, values] of allowed) if (!values.has(own[name] ?? OTHER)) own[name] = OTHER;
      return own;
    },
  };
}
