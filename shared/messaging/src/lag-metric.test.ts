import { expect, test } from "bun:test";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { watchLag } from "./lag-metric.ts";

test("the lag is shown as it was last known, also while Kafka does not tell, and a stop does not wait for Kafka", async () => {
  const clock = new ManualClock();
  const metrics = createMetrics();
  const stopping = new AbortController();
  const answers = [
    () => Promise.resolve(7),
    () => Promise.reject(new Error("away")),
    () => new Promise<number>(() => {}),
  ];
  let asked = 0;
  const lag = () => (answers[asked++] as () => Promise<number>)();
  const watching = watchLag(stopping.signal, { lag, clock, logger: capturedLogger().logger, metrics });
  for (const times of [1, 2, 3]) {
    await clock.advance(15_000);
    await eventually(() => expect(asked).toBe(times));
    expect(metrics.read("consumer_lag_messages")).toBe(7);
  }
  stopping.abort();
  await watching;
});
