import { beforeEach, expect, test } from "bun:test";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { createStreamPlaces, type StreamPlaces } from "./stream-places.ts";

let metrics: Metrics;
let places: StreamPlaces;
beforeEach(() => {
  metrics = createMetrics();
  places = createStreamPlaces({ limits: { perProcess: 9, perUser: 4, perThing: 2 }, metrics });
});

/** Takes places until one is refused. @returns how to leave each, and why no more were given */
function takeAll(userId: string, thing: (index: number) => string) {
  const leave: (() => void)[] = [];
  for (;;) {
    const place = places.take({ userId, thing: thing(leave.length) });
    if (place.kind === "problem") return { leave, refusal: place };
    leave.push(() => place.leave());
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
  for (let count = 0; count < 6; count += 1) expect(places.take(undefined).kind).toBe("place");
  const { leave, refusal } = takeAll("kim", String);
  expect([leave.length, refusal.code, refusal.retryAfterSeconds]).toEqual([3, "UNAVAILABLE", 1]);
  expect(places.refusalOf(undefined)).toMatchObject({ code: "UNAVAILABLE" });
});

test("a place is free again when its stream has ended, however often that is said", () => {
  const { leave } = takeAll("kim", () => "order 1");
  leave[0]?.();
  leave[0]?.();
  expect(takeAll("kim", () => "order 1").leave).toHaveLength(1);
  expect(metrics.read("event_streams")).toBe(2);
  expect(metrics.expose()).toContain('event_streams_refused_total{limit="thing"} 2');
  expect(metrics.expose()).toContain('event_streams_refused_total{limit="process"} 0');
});
