import { expect, test } from "bun:test";
import { systemClock } from "./clock.ts";

const LONG_MS = 60_000;

test("a sleep ends as soon as it is aborted, also when it was before it began, and never rejects", async () => {
  const stopping = new AbortController();
  const asleep = systemClock.sleep(LONG_MS, stopping.signal);
  stopping.abort();
  expect(await asleep).toBeUndefined();
  expect(await systemClock.sleep(LONG_MS, stopping.signal)).toBeUndefined();
});

test("a sleep lasts as long as it was asked to, whoever listens for an end that does not come", async () => {
  const startedAt = systemClock.elapsed();
  await systemClock.sleep(20, new AbortController().signal);
  expect(systemClock.elapsed() - startedAt).toBeGreaterThanOrEqual(19);
});
