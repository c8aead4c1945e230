import { afterEach, expect, test } from "bun:test";
import { systemClock } from "@shop/runtime/clock";
import { loadConfig } from "@shop/runtime/config";
import { createMetrics } from "@shop/runtime/metrics";
import { childTraceparent, isSampled, spanIdOf, traceIdOf } from "@shop/runtime/trace";
import type { Tracing } from "@shop/runtime/tracing";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import { freePort } from "@shop/local/free-port";
import { startTraceReceiver } from "@shop/testing/trace-receiver";
import { tracingOf, tracingSettings } from "./tracing.ts";

const service = { name: "order", release: "1.2.3", instance: "host/7" };
const opened: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});

/** Traces with these settings, and what they say of themselves. */
async function started(settings: Record<string, string>, clock = systemClock) {
  const { logger, lines } = capturedLogger();
  const metrics = createMetrics();
  const tracing = await tracingOf(loadConfig(tracingSettings, settings), { service, clock, logger, metrics });
  if (tracing === undefined) throw new Error("no traces");
  return { tracing, lines, exposed: () => metrics.expose() };
}

function receiver() {
  const received = startTraceReceiver();
  opened.push(received);
  return received;
}

const span = (tracing: Tracing, traceparent: string, parent?: string) => ({
  ...{ name: "work", kind: "INTERNAL" as const, traceparent, parent, startedAt: tracing.now(), attributes: {} },
});

test("a span arrives with the ids that its traceparent has, its parent, times, attributes, links and failure", async () => {
  const received = receiver();
  const { tracing } = await started({
    OTEL_EXPORTER_OTLP_ENDPOINT: `${received.endpoint}/`,
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b,x-other=c=d",
  });
  const parent = childTraceparent(undefined);
  const own = tracing.child(parent);
  const [linked, unsampled] = [childTraceparent(undefined), `${childTraceparent(undefined).slice(0, -2)}00`];
  tracing.record({
    ...{ name: "GET /things", kind: "SERVER", traceparent: own, parent, startedAt: 1_767_225_600_000.25 },
    ...{ endedAt: 1_767_225_600_001.5, attributes: { text: "a", whole: 3, fraction: 0.5, yes: true } },
    ...{ links: [linked, unsampled, undefined], error: "503" },
  });
  await tracing.stop();
  expect(received.refused).toEqual([]);
  expect(received.spans).toMatchObject([
    {
      ...{ traceId: traceIdOf(parent), spanId: spanIdOf(own), parentSpanId: spanIdOf(parent), kind: "SERVER" },
      ...{ startTimeUnixNano: 1_767_225_600_000_250_000n, endTimeUnixNano: 1_767_225_600_001_500_000n },
      attributes: { text: "a", whole: 3, fraction: 0.5, yes: true, "error.type": "503" },
      links: [{ traceId: traceIdOf(linked), spanId: spanIdOf(linked) }],
      status: { code: 2 },
      resource: { "service.name": "order", "service.version": "1.2.3", "service.instance.id": "host/7" },
    },
  ]);
  const headers = received.lastHeaders();
  expect([headers?.get("x-key"), headers?.get("x-other")]).toEqual(["a b", "c=d"]);
});

test("what a parent of another trace caused begins a trace", async () => {
  const received = receiver();
  const { tracing } = await started({ OTEL_EXPORTER_OTLP_ENDPOINT: received.endpoint });
  tracing.record(span(tracing, tracing.child(undefined), "nonsense"));
  tracing.record(span(tracing, tracing.child(undefined), childTraceparent(undefined)));
  await tracing.stop();
  expect(received.spans.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined]);
});

const sampled = childTraceparent(undefined);
const notSampled = `${sampled.slice(0, -2)}00`;
const samplers: [name: string, ratio: string, ofNone: boolean, ofSampled: boolean, ofOther: boolean][] = [
  ["always_on", "1", true, true, true],
  ["always_off", "1", false, false, false],
  ["traceidratio", "0", false, false, false],
  ["traceidratio", "1.0", true, true, true],
  ["parentbased_always_on", "0", true, true, false],
  ["parentbased_always_off", "1", false, true, false],
  ["parentbased_traceidratio", "0", false, true, false],
];
test.each(samplers)(
  "%s with %s samples a new trace: %p, a sampled one: %p, another: %p",
  async (name, ratio, ofNone, ofSampled, ofOther) => {
    const decisions = [ofNone, ofSampled, ofOther];
    const received = receiver();
    const { tracing } = await started({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: received.endpoint, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio },
    });
    const traces = [undefined, sampled, notSampled].map((parent) => tracing.child(parent));
    expect(traces.map(isSampled)).toEqual(decisions);
    for (const one of traces) tracing.record(span(tracing, one));
    await tracing.stop();
    expect(received.spans).toHaveLength(decisions.filter(Boolean).length);
  },
);

test("a ratio keeps its part of the traces, the same ones in every process", async () => {
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver().endpoint, OTEL_TRACES_SAMPLER: "traceidratio" };
  const tenth = { ...settings, OTEL_TRACES_SAMPLER_ARG: "0.1" };
  const [one, other] = [(await started(tenth)).tracing, (await started(tenth)).tracing];
  const all = Array.from({ length: 5_000 }, () => one.child(undefined));
  const kept = all.filter(isSampled);
  // Of 5,000 some 500, give or take six standard deviations.
  expect(kept.length).toBeGreaterThan(370);
  expect(kept.length).toBeLessThan(630);
  expect(all.map((each) => isSampled(other.child(each)))).toEqual(all.map(isSampled));
});

test("spans for a receiver that is away take only as much memory as the queue, and neither wait nor throw", async () => {
  const { tracing, exposed } = await started({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
  });
  for (let index = 0; index < 10_000; index += 1) tracing.record(span(tracing, tracing.child(undefined)));
  expect(await exposed()).toMatch(/^traces_spans_dropped_total\{reason="queue"\} 5904$/m);
  await tracing.stop();
  expect(await exposed()).toMatch(/^traces_spans_exported_total 0$/m);
});

test("spans that the receiver refuses are counted and dropped, with one warning however many there are", async () => {
  const refusing = Bun.serve({ port: 0, fetch: () => new Response("no", { status: 400 }) });
  opened.push({ stop: () => refusing.stop(true) });
  const { tracing, lines, exposed } = await started({ OTEL_EXPORTER_OTLP_ENDPOINT: refusing.url.origin });
  for (let index = 0; index < 1_000; index += 1) tracing.record(span(tracing, tracing.child(undefined)));
  await tracing.stop();
  expect(await exposed()).toMatch(/^traces_spans_dropped_total\{reason="export"\} 1000$/m);
  expect(lines.filter(({ event }) => event === "TRACES_NOT_EXPORTED")).toMatchObject([{ level: "warn" }]);
});

test("a receiver that never answers holds up a stop for a second at most", async () => {
  const silent = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => {}) });
  opened.push({ stop: () => silent.stop(true) });
  const clock = new ManualClock();
  const { tracing } = await started({ OTEL_EXPORTER_OTLP_ENDPOINT: silent.url.origin }, clock);
  tracing.record(span(tracing, tracing.child(undefined)));
  let isStopped = false;
  const stopped = tracing.stop().then(() => {
    isStopped = true;
  });
  await clock.advance(999);
  expect(isStopped).toBe(false);
  await clock.advance(1);
  // Before the export itself is given up, by a clock that is not this one.
  expect(isStopped).toBe(true);
  await stopped;
});

test("without a receiver nothing of the SDK is loaded", async () => {
  const program = `
    import { systemClock as clock } from "@shop/runtime/clock";
    import { tracingOf, tracingSettings } from "${import.meta.dir}/tracing.ts";
    import { loadConfig } from "@shop/runtime/config";
    const settings = loadConfig(tracingSettings, process.argv[1] ? { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" } : {});
    const metric = { child: () => () => {}, inc: () => {} };
    const tracing = await tracingOf(settings, { service: { name: "x", release: "", instance: "" }, clock, metrics: { counter: () => metric } });
    console.log(tracing !== undefined, Object.keys(require.cache).some((path) => path.includes("/sdk-trace/")));
    process.exit();`;
  const said = (...given: string[]) =>
    Bun.spawnSync([process.execPath, "-e", program, ...given], { cwd: import.meta.dir, stderr: "inherit" })
      .stdout.toString()
      .trim();
  expect([said(), said("traced")]).toEqual(["false false", "true true"]);
});

test("settings that cannot be are refused with what to do", () => {
  const refusal = (settings: Record<string, string>) => {
    try {
      return loadConfig(tracingSettings, settings);
    } catch (error) {
      return String(error);
    }
  };
  expect(refusal({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })).toContain("such as http://collector:4318");
  expect(refusal({ OTEL_TRACES_SAMPLER: "sometimes" })).toContain("parentbased_traceidratio");
  for (const wrong of ["1.1", "-1", "ten", "10%"])
    expect(refusal({ OTEL_TRACES_SAMPLER_ARG: wrong })).toContain("must be a number from 0 to 1");
  for (const right of ["0", "1", "0.1", ".5", "1.0"])
    expect(refusal({ OTEL_TRACES_SAMPLER_ARG: right })).toMatchObject({ OTEL_TRACES_SAMPLER_ARG: Number(right) });
  for (const wrong of ["novalue", "a=b c", "a=%zz"])
    expect(refusal({ OTEL_EXPORTER_OTLP_HEADERS: wrong })).toContain("must be name=value pairs");
});
