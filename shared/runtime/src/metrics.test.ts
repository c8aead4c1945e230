import { expect, test } from "bun:test";
import { CONFIGURED, createMetrics } from "./metrics.ts";

const linesOf = async (text: Promise<string>, name: string) =>
  (await text).split("\n").filter((line) => line.startsWith(name) || line.startsWith(`# TYPE ${name}`));

test("every series whose labels are listed is shown as 0 before anything has happened", async () => {
  const metrics = createMetrics();
  metrics.counter({ name: "things_total", help: "Things" });
  metrics.counter({ name: "letters_total", help: "Letters", labels: { cause: ["A", "B"], late: ["no", "yes"] } });
  metrics.histogram({ name: "wait_seconds", help: "Waiting", labels: { step: ["ONE"] } }, [1]);
  metrics.gauge({ name: "open_letters", help: "Open letters", labels: { cause: ["A", "B"] } }, () => []);
  const text = await metrics.expose();
  for (const line of [
    "things_total 0",
    'letters_total{cause="A",late="no"} 0',
    'letters_total{cause="A",late="yes"} 0',
    'letters_total{cause="B",late="no"} 0',
    'letters_total{cause="B",late="yes"} 0',
    'wait_seconds_count{step="ONE"} 0',
    'open_letters{cause="A"} 0',
    'open_letters{cause="B"} 0',
  ])
    expect(text).toContain(`\n${line}\n`);
});

test("a value that a label cannot have is shown as other, so that nothing from outside makes series", async () => {
  const metrics = createMetrics();
  const letters = metrics.counter({ name: "letters_total", help: "Letters", labels: { cause: ["A"] } });
  const waits = metrics.histogram({ name: "wait_seconds", help: "Waiting", labels: { step: ["ONE"] } }, [1]);
  metrics.gauge({ name: "open_letters", help: "Open letters", labels: { cause: ["A"] } }, () => [
    { labels: { cause: "made up" }, value: 5 },
  ]);
  for (let index = 0; index < 20; index += 1) {
    letters.inc({ cause: `made up ${index}` });
    letters.child({ cause: `made up ${index}` })(2);
    waits.observe({ step: `made up ${index}` }, 0.5);
  }
  expect(await linesOf(metrics.expose(), "letters_total{")).toEqual([
    'letters_total{cause="A"} 0',
    'letters_total{cause="other"} 60',
  ]);
  expect(await linesOf(metrics.expose(), "wait_seconds_count")).toEqual([
    'wait_seconds_count{step="ONE"} 0',
    'wait_seconds_count{step="other"} 20',
  ]);
  expect(await linesOf(metrics.expose(), "open_letters{")).toEqual([
    'open_letters{cause="A"} 0',
    'open_letters{cause="other"} 5',
  ]);
});

test("the same name is the same metric, and a series that is asked for again keeps its value", async () => {
  const metrics = createMetrics();
  const described = { name: "waits_seconds", help: "Waiting", labels: { route: CONFIGURED } } as const;
  metrics.histogram(described, [1]).child({ route: "/a" })(0.5);
  metrics.histogram(described, [1]).child({ route: "/a" })(0.5);
  metrics.histogram(described, [1]).observe({ route: "/a" }, 2);
  expect(await linesOf(metrics.expose(), "waits_seconds_")).toEqual([
    'waits_seconds_bucket{le="1",route="/a"} 2',
    'waits_seconds_bucket{le="+Inf",route="/a"} 3',
    'waits_seconds_sum{route="/a"} 3',
    'waits_seconds_count{route="/a"} 3',
  ]);
});

test("what several readers of a gauge give is shown together, and its sum can be read", async () => {
  const metrics = createMetrics();
  for (const upstream of ["order", "product"])
    metrics.gauge({ name: "addresses", help: "Addresses", labels: { upstream: CONFIGURED } }, () => [
      { labels: { upstream }, value: 2 },
    ]);
  expect(await linesOf(metrics.expose(), "addresses{")).toEqual([
    'addresses{upstream="order"} 2',
    'addresses{upstream="product"} 2',
  ]);
  expect(metrics.read("addresses")).toBe(4);
  expect(metrics.read("nobody_shows_it")).toBeUndefined();
});

test("who accepts OpenMetrics gets it, and Prometheus' text format is the same before and after", async () => {
  const metrics = createMetrics();
  metrics.counter({ name: "things_total", help: "Things" }).inc({}, 2);
  const before = await metrics.exposeAs("text/plain");
  const open = await metrics.exposeAs("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
  expect(open).toEqual({
    contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    text: "# HELP things Things\n# TYPE things counter\nthings_total 2\n# EOF\n",
  });
  expect(before).toEqual({
    contentType: "text/plain; version=0.0.4; charset=utf-8",
    text: "# HELP things_total Things\n# TYPE things_total counter\nthings_total 2\n",
  });
  expect(await metrics.exposeAs(undefined)).toEqual(before);
});

test("OpenMetrics shows the trace of one value of each bucket as its exemplar, Prometheus' text format none", async () => {
  const metrics = createMetrics();
  const described = { name: "calls_seconds", help: "Calls", labels: { route: ["/a"] } } as const;
  const observe = metrics.histogram(described, [1], { hasExemplars: true }).child({ route: "/a" });
  const [first, last] = ["1".repeat(32), "2".repeat(32)];
  observe(0.25, first);
  observe(0.5, last);
  observe(0.75);
  observe(2, first);
  const { text } = await metrics.exposeAs("application/openmetrics-text; version=1.0.0");
  const buckets = text.split("\n").filter((line) => line.startsWith("calls_seconds_bucket"));
  expect(buckets.map((line) => line.replace(/ [\d.]+$/, ""))).toEqual([
    `calls_seconds_bucket{le="1",route="/a"} 3 # {trace_id="${last}"} 0.5`,
    `calls_seconds_bucket{le="+Inf",route="/a"} 4 # {trace_id="${first}"} 2`,
  ]);
  expect(await linesOf(metrics.expose(), "calls_seconds_bucket")).toEqual([
    'calls_seconds_bucket{le="1",route="/a"} 3',
    'calls_seconds_bucket{le="+Inf",route="/a"} 4',
  ]);
});
