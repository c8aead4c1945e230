import { expect, test } from "bun:test";
import type { Phase } from "../measure/phase.ts";
import type { SideResult } from "../measure/run.ts";
import type { Turn } from "../measure/turn.ts";
import { pageOf } from "./page.ts";
import { ratiosOf } from "./ratios.ts";

const latency = { p50: 1, p99: 2, max: 3 };
const phase = (perSecond: number, totalCpuMs: number): Phase => ({
  ...{ orders: 100, perSecond, totalCpuMs, toArrival: latency, toAnswer: latency, cpuMs: { kafka: totalCpuMs } },
  ...{ driverCores: 0.01, walBytes: 100, statements: 2, transactions: 1, batchSizes: {}, refusals: 0 },
});

function side(name: string, rates: readonly number[], complete?: Phase): SideResult {
  const turns = rates.map((rate, round): Turn => {
    const unloaded = { toDelivery: [10, 10, 10], toComplete: complete === undefined ? [] : [5, 5, 5] };
    return { side: name, round, unloaded, order: phase(rate, 1_000 / rate), complete, memoryMb: {} };
  });
  return { name, readyMs: 1_000, firstOrderMs: 30, turns, constant: undefined };
}

const byName = (results: readonly [SideResult, SideResult]) =>
  new Map(ratiosOf(...results).map((ratio) => [ratio.what, ratio]));

test("a turn is held against the mean of the reference's turns before and after it, so that a machine that becomes slower is no slower product", () => {
  // The machine loses half of its speed from turn to turn of the reference.
  const ratios = byName([side("reference", [800, 400, 200]), side("product", [300, 150])]);
  expect(ratios.get("order → delivery")).toMatchObject({ rounds: [0.5, 0.5], ratio: 0.5 });
});

test("a whole saga takes the time of both halves, and is held against the reference's way to the delivery", () => {
  const ratios = byName([side("reference", [100, 100]), side("product", [50], phase(50, 4))]);
  expect(ratios.get("whole saga")?.ratio).toBeCloseTo(0.25);
  expect(ratios.get("CPU, whole saga")?.ratio).toBeCloseTo((20 + 4) / 10);
  expect(ratios.get("unloaded complete → COMPLETE, p50, of order → delivery")?.ratio).toBeCloseTo(0.5, 2);
});

test("what was not measured has no ratio", () => {
  const ratios = byName([side("reference", [100, 100]), side("product", [50])]);
  expect(ratios.has("whole saga")).toBe(false);
  expect(ratios.has("order → delivery")).toBe(true);
});

test("the page stands alone, and names are text on it", () => {
  const page = pageOf("a <run> & more", [side("reference", [100, 100]), side("product <b>", [50])]);
  expect(page).toContain("a &lt;run&gt; &amp; more");
  expect(page).toContain("product &lt;b&gt;");
  expect(page).not.toMatch(/NaN|undefined|Infinity|<script|https?:\/\//);
});
