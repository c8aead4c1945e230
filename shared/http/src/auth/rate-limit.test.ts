import { expect, test } from "bun:test";
import { systemClock } from "@shop/runtime/clock";
import { ManualClock } from "@shop/testing/clock";
import { addressKey, createRateLimit, forwardedAddress } from "./rate-limit.ts";

const NOON_MS = Date.UTC(2026, 0, 1, 12);

test("a bucket gives its burst at once and then its rate, each key its own", () => {
  let nowMs = NOON_MS;
  const limit = createRateLimit({ clock: { ...systemClock, elapsed: () => nowMs }, perSecond: 10, burst: 3 });
  expect([1, 2, 3, 4].map(() => limit.take("a").waitMs)).toEqual([0, 0, 0, 100]);
  expect(limit.take("b").waitMs).toBe(0);
  nowMs += 99;
  expect(limit.take("a").waitMs).toBeGreaterThan(0);
  nowMs += 2;
  expect(limit.take("a").waitMs).toBe(0);
  nowMs += 3_600_000;
  expect([1, 2, 3, 4].map(() => limit.take("a").waitMs === 0)).toEqual([true, true, true, false]);
});

test("setting the time of day neither empties nor fills a bucket", async () => {
  const clock = new ManualClock();
  const limit = createRateLimit({ clock, perSecond: 2 });
  const takeThree = () => [1, 2, 3].map(() => limit.take("a").waitMs === 0);
  expect(takeThree()).toEqual([true, true, false]);
  for (const byMs of [-3_600_000, 7_200_000]) {
    clock.setTimeOfDay(byMs);
    expect(limit.take("a").waitMs).toBeGreaterThan(0);
  }
  await clock.advance(1_000);
  expect(takeThree()).toEqual([true, true, false]);
});

test("only so many buckets are kept: the one used longest ago starts full again", () => {
  const limit = createRateLimit({ clock: { ...systemClock, elapsed: () => NOON_MS }, perSecond: 1, maxKeys: 2 });
  for (const key of ["a", "b", "a"]) limit.take(key);
  limit.take("c");
  expect([limit.take("a").waitMs > 0, limit.take("b").waitMs]).toEqual([true, 0]);
});

test("of X-Forwarded-For only what trusted proxies added is believed", () => {
  const headers = new Headers({ "x-forwarded-for": "6.6.6.6, 1.2.3.4, 10.0.0.1" });
  expect(forwardedAddress(headers, 0)).toBeUndefined();
  expect(forwardedAddress(headers, 1)).toBe("10.0.0.1");
  expect(forwardedAddress(headers, 2)).toBe("1.2.3.4");
  expect(forwardedAddress(headers, 4)).toBeUndefined();
  expect(forwardedAddress(new Headers(), 1)).toBeUndefined();
});

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("the address %s is counted as %s", (address, key) => {
  expect(addressKey(address)).toBe(key);
});
