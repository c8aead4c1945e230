import { expect, spyOn, test } from "bun:test";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import {
  type Consumer,
  type ConsumerRunConfig,
  type EachBatchPayload,
  Kafka,
  logLevel,
  type OffsetsByTopicPartition,
} from "kafkajs";
import { prefixed } from "../naming.ts";
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
  await eventually(() => expect(lines.map(({ message }) => message)).toContain(ENDED));
  // What the first one left behind in the group is taken out of it before the next one joins, as at the start.
  await clock.advance(2_000);
  await eventually(() => expect(joins).toBe(2));
  await subscription.stop();
  frozen.stop(true);
}, 60_000);

/** kafkajs as far as a subscription sees it, without a broker: what it would say of itself is said by the test. */
function quietKafka() {
  const kafka = new Kafka({ brokers: ["127.0.0.1:1"], logLevel: logLevel.NOTHING });
  const { events } = kafka.consumer({ groupId: "none" });
  const listeners = new Map<string, (event: { payload: object }) => void>();
  let config: ConsumerRunConfig = {};
  const committed: string[] = [];
  const consumer: Partial<Consumer> = {
    events,
    on(name, listener) {
      listeners.set(name, listener as (event: { payload: object }) => void);
      return () => undefined;
    },
    ...{ connect: async () => {}, disconnect: async () => {}, subscribe: async () => {} },
    run: async (given) => void (config = given ?? {}),
  };
  spyOn(kafka, "consumer").mockReturnValue(consumer as Consumer);
  return {
    ...{ kafka, committed },
    joins: () => listeners.get(events.GROUP_JOIN)?.({ payload: { memberAssignment: {} } }),
    fetches: () => listeners.get(events.FETCH)?.({ payload: {} }),
    /** One message comes; resolves when the next fetch may begin. */
    async brings(offset: number): Promise<void> {
      const messages = [{ key: null, value: null, offset: String(offset), headers: {} }];
      const batch = { topic: "order.events", partition: 0, messages, lastOffset: () => String(offset) };
      const payload: Partial<Record<keyof EachBatchPayload, unknown>> = {
        ...{ batch, resolveOffset: () => {}, heartbeat: async () => {}, isRunning: () => true, isStale: () => false },
        commitOffsetsIfNecessary: async ({ topics }: OffsetsByTopicPartition) =>
          void committed.push(...topics.flatMap(({ partitions }) => partitions.map((of) => of.offset))),
      };
      await config.eachBatch?.(payload as EachBatchPayload);
    },
    isRunning: () => config.eachBatch !== undefined,
  };
}

test("a consumer from which no fetch comes back is made anew, but not while its handler is behind, however long that takes", async () => {
  const { kafka, joins, fetches, brings, isRunning } = quietKafka();
  const clock = new ManualClock();
  const { logger, lines } = capturedLogger();
  const handling = Promise.withResolvers<void>();
  let handled = 0;
  const subscription = createSubscription({
    ...{ clock, logger, metrics: createMetrics(), naming: prefixed(""), ensureTopics: () => Promise.resolve() },
    ...{ kafka, beforeJoin: () => Promise.resolve(), groupId: "slow", topics: ["order.events"] },
    async handle(records) {
      await handling.promise;
      handled += records.length;
    },
  });
  await eventually(() => expect(isRunning()).toBe(true));
  joins();
  fetches();
  await brings(0);
  const second = brings(1);
  const ended = () => lines.some(({ message }) => message === ENDED);
  await clock.advance(60_000);
  // It is looked at once a second, by the system's time.
  await Bun.sleep(1_200);
  expect([ended(), subscription.isHealthy()]).toEqual([false, true]);
  handling.resolve();
  await clock.advance(1_000);
  await second;
  await eventually(() => expect(handled).toBe(2));
  fetches();
  await clock.advance(9_000);
  await eventually(() => expect(ended()).toBe(true));
  await subscription.stop();
}, 60_000);

test("when the group is joined anew what has only waited is dropped, and nothing of before is committed: it comes again, to whoever has its partition", async () => {
  const { kafka, joins, brings, isRunning, committed } = quietKafka();
  const clock = new ManualClock();
  const handling = Promise.withResolvers<void>();
  const handled: string[] = [];
  const subscription = createSubscription({
    ...{ clock, logger: capturedLogger().logger, metrics: createMetrics(), naming: prefixed("") },
    ...{ kafka, ensureTopics: () => Promise.resolve(), beforeJoin: () => Promise.resolve() },
    ...{ groupId: "rebalanced", topics: ["order.events"] },
    async handle(records) {
      await handling.promise;
      handled.push(...records.map(({ offset }) => offset));
    },
  });
  await eventually(() => expect(isRunning()).toBe(true));
  joins();
  await brings(0);
  const second = brings(1);
  joins();
  handling.resolve();
  await eventually(() => expect(handled).toEqual(["0"]));
  await clock.advance(1_000);
  await second;
  await brings(5);
  await eventually(() => expect(committed).toEqual(["6"]));
  expect(handled).toEqual(["0", "5"]);
  await subscription.stop();
});

const ENDED = "the Kafka consumer ended and is replaced";
