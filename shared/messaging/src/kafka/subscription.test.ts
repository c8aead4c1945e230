import { expect, test } from "bun:test";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { Kafka, logLevel } from "kafkajs";
import { prefixed } from "./naming.ts";
import { createSubscription } from "./subscription.ts";

test("a broker that freezes while the group is being joined does not end the process: a new consumer is made", async () => {
  const asked = Promise.withResolvers<void>();
  // It takes connections and says nothing.
  const frozen = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => asked.resolve() } });
  const clock = new ManualClock();
  const { logger, lines } = capturedLogger();
  let joins = 0;
  const subscription = createSubscription({
    ...{ clock, logger, metrics: createMetrics(), naming: prefixed(""), ensureTopics: () => Promise.resolve() },
    beforeJoin: async () => void (joins += 1),
    kafka: new Kafka({
      brokers: [`127.0.0.1:${frozen.port}`],
      requestTimeout: 6_000,
      retry: { retries: 0 },
      logLevel: logLevel.NOTHING,
    }),
    ...{ groupId: "frozen", topics: ["order.events"], handle: () => Promise.resolve() },
  });
  await asked.promise;
  await clock.advance(21_000);
  await eventually(() => expect(lines.map(({ message }) => message)).toContain(ENDED), { deadlineMs: 20_000 });
  // What the first one left behind in the group is taken out of it before the next one joins, as at the start.
  await clock.advance(2_000);
  await eventually(() => expect(joins).toBe(2));
  await subscription.stop();
  frozen.stop(true);
}, 40_000);

const ENDED = "the Kafka consumer ended; a new one takes its place";
