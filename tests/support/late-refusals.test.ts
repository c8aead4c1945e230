import { describe, expect, test } from "bun:test";
import { excessOver, lateBetween, type LateRefusal, lateRefusal, type Stop, type Stretch } from "./late-refusals.ts";

const KIND = "was not done in time";
const lateAt = (process: string, atMs: number): LateRefusal => ({ kind: KIND, process, atMs });
const stretch = (late: readonly LateRefusal[], calls = 5_000): Stretch => ({
  ...{ fromMs: 0, untilMs: 50_000, calls, late },
});
const stop = (process: string, fromMs: number): Stop => ({ process, fromMs, untilMs: fromMs + 3_000 });

describe("late refusals", () => {
  test("a 503 is late by what its process logged, and by nothing else", () => {
    const call = { what: "order", status: 503, detail: "", at: "2026-01-31T00:00:00.000Z" };
    const logged = `order-2 {"time":"2026-01-31T00:00:01.000Z","reason":"placeOrder was not done after 1500 ms"}`;
    expect(lateRefusal(call, ["gateway {}", logged])).toEqual(lateAt("order-2", Date.parse("2026-01-31T00:00:01Z")));
    expect(lateRefusal({ ...call, status: 502 }, [logged])).toBeUndefined();
    expect(lateRefusal(call, [`order {"reason":"the keys of access tokens cannot be fetched"}`])).toBeUndefined();
    expect(lateRefusal(call, [])).toBeUndefined();
    const detail = `{"code":"UNAVAILABLE","detail":"There are more calls than can be answered now. Try again."}`;
    expect(lateRefusal({ ...call, detail }, [])?.process).toBe("frontend or gateway");
  });

  test("what was late in a stretch of time is in the logs, also when another replica answered then", () => {
    const line = (second: number) =>
      `order {"time":"1970-01-01T00:00:0${second}.000Z","reason":"an item waited for more than 1000 ms"}`;
    const edge = { kind: "was refused", process: "frontend or gateway", atMs: 3_000 };
    const found = lateBetween(
      2_000,
      4_000,
      [line(1), line(2), "kafka started", line(5)],
      [edge, lateAt("order", 2_000)],
    );
    expect(found.map(({ process, atMs }) => [process, atMs])).toEqual([
      ["order", 2_000],
      ["frontend or gateway", 3_000],
    ]);
  });

  test("a few moments are excused without any in the baseline, more are not", () => {
    const times = (count: number) => Array.from({ length: count }, (_, index) => lateAt("order", index * 10_000));
    expect(excessOver(stretch([]), stretch(times(3)), [])).toEqual([]);
    expect(excessOver(stretch([]), stretch(times(4)), [])).toEqual([
      `${KIND}: 4 moments, 0.80 a thousand calls; 0.00 without faults, so at most 3 are the machine's`,
    ]);
  });

  test("a process that is late for all its callers at once is late once", () => {
    const atOnce = Array.from({ length: 12 }, (_, index) => lateAt("order", 1_000 + index * 100));
    expect(excessOver(stretch([]), stretch(atOnce), [])).toEqual([]);
  });

  test("what the baseline shows is excused by the number of calls", () => {
    const four = [0, 10, 20, 30].map((second) => lateAt("order", second * 1_000));
    const many = Array.from({ length: 15 }, (_, index) => lateAt("product", index * 3_000));
    expect(excessOver(stretch(four), stretch(many), [])).toEqual([]);
    expect(excessOver(stretch(four, 10_000), stretch(many), [])).toHaveLength(1);
  });

  test("a service whose two replicas are late as they stop is found, one moment is not", () => {
    const stops = [stop("delivery", 10_000), stop("delivery-2", 20_000), stop("order", 30_000)];
    const one = [lateAt("delivery", 12_000)];
    expect(excessOver(stretch([]), stretch(one), stops)).toEqual([]);
    const two = [...one, lateAt("delivery-2", 22_000)];
    expect(excessOver(stretch([]), stretch(two), stops)).toEqual([
      `processes that were being stopped were late in 2 moments (delivery: ${KIND}, delivery-2: ${KIND}); 0.00 were to be expected`,
    ]);
    expect(excessOver(stretch([]), stretch([lateAt("delivery", 12_000), lateAt("delivery-2", 12_000)]), stops)).toEqual(
      [],
    );
  });

  test("processes that are as late without a stop are excused as they stop", () => {
    const stops = [stop("delivery", 10_000), stop("delivery-2", 20_000)];
    const two = [lateAt("delivery", 12_000), lateAt("delivery-2", 22_000)];
    const before = Array.from({ length: 8 }, (_, index) => lateAt("delivery", index * 5_000));
    expect(excessOver(stretch(before), stretch(two), stops)).toEqual([]);
  });
});
