import { beforeEach, expect, test } from "bun:test";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { createStreamPermits, type StreamPermits } from "./stream-permits.ts";

let metrics: Metrics;
let permits: StreamPermits;
beforeEach(() => {
  metrics = createMetrics();
  permits = createStreamPermits({ limits: { perProcess: 9, perUser: 4, perThing: 2 }, metrics });
});

/** Takes permits until one is refused. @returns how to release each, and why no more were given */
function takeAll(userId: string, thing: (index: number) => string) {
  const leave: (() => void)[] = [];
  for (;;) {
    const permit = permits.acquire({ userId, thing: thing(leave.length) });
    if (permit.kind === "problem") return { leave, refusal: permit };
    leave.push(() => permit.release());
  }
}

test("a user has so many streams of one order, more of several, and the others have theirs", () => {
  const ofOne = takeAll("kim", () => "order 1");
  expect(ofOne.leave).toHaveLength(2);
  expect(ofOne.refusal).toMatchObject({ code: "TOO_MANY_STREAMS", retryAfterSeconds: 5 });
  expect(ofOne.refusal.detail).toStartWith("You have 2 event streams of this open");
  const ofOthers = takeAll("kim", (index) => `order ${index + 2}`);
  expect(ofOthers.leave).toHaveLength(2);
  expect(ofOthers.refusal.detail).toStartWith("You have 4 event streams open");
  expect(takeAll("lee", () => "order 1").leave).toHaveLength(2);
});

test("a process holds so many over all users, whether it knows them or not", () => {
  for (let count = 0; count < 6; count += 1) expect(permits.acquire(undefined).kind).toBe("permit");
  const { leave, refusal } = takeAll("kim", String);
  expect([leave.length, refusal.code, refusal.retryAfterSeconds]).toEqual([3, "UNAVAILABLE", 1]);
  expect(permits.refusalOf(undefined)).toMatchObject({ code: "UNAVAILABLE" });
});

test("a permit is free again when its stream has ended, however often that is said", async () => {
  const { leave } = takeAll("kim", () => "order 1");
  leave[0]?.();
  leave[0]?.();
  expect(takeAll("kim", () => "order 1").leave).toHaveLength(1);
  expect(metrics.read("event_streams")).toBe(2);
  expect(await metrics.expose()).toContain('event_streams_refused_total{limit="thing"} 2');
  expect(await metrics.expose()).toContain('event_streams_refused_total{limit="process"} 0');
});
