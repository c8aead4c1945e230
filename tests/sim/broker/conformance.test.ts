import type { Topic } from "@shop/contracts/services";
import type { Broker, BrokerRecord, Subscription } from "@shop/messaging/broker";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger } from "@shop/testing/logger";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { FaultInjector } from "../fault-injector.ts";
import { clockOf, Process } from "../process.ts";
import { Scheduler } from "../scheduler.ts";
import { simulatedBroker } from "./broker.ts";
import { Kafka } from "./kafka.ts";

setDefaultTimeout(240_000);

const TOPIC: Topic = "product.commands";
const utf8 = new TextDecoder();

/** A broker of its own for one test. */
interface Cluster {
  /** The broker as one more process has it. */
  connect(): Broker;
  /** Resolves when a condition holds. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
}

type Play = (scenario: (cluster: Cluster) => Promise<void>) => Promise<void>;

const simulated: Play = async (scenario) => {
  const scheduler = new Scheduler(1);
  const kafka = new Kafka();
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const injector: FaultInjector = {
    ...{ fateOf: () => "nothing", lateByMs: () => 0 },
    latencyMs: () => scheduler.between(0.1, 20),
  };
  let processes = 0;
  const cluster: Cluster = {
    connect() {
      processes += 1;
      const process = new Process(`process-${processes}`);
      const clock = clockOf(process, scheduler);
      const crash = () => Promise.resolve();
      return simulatedBroker({ process, kafka, scheduler, injector, crash, clock, logger, metrics });
    },
    async until(condition) {
      const deadline = scheduler.now + 60_000;
      while (!(await condition())) {
        if (scheduler.now > deadline) throw new Error("it did not come to that within a simulated minute");
        await scheduler.sleep(50);
      }
    },
  };
  await scheduler.drive(scenario(cluster));
};

const real: Play = async (scenario) => {
  const brokers = (await testKafkaBrokers()).split(",");
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const prefix = `${crypto.randomUUID()}.`;
  const opened: Broker[] = [];
  const options = { ...{ brokers, prefix, clientId: "conformance", partitions: 3, replicationFactor: 1 } };
  function connect(): Broker {
    const broker = createKafkaBroker({ ...options, clock: systemClock, logger, metrics });
    opened.push(broker);
    return broker;
  }
  try {
    // A topic that has just been made refuses records for a moment, which the relay bears and these tests do not.
    const first = connect();
    await eventually(() => first.publish(WARMING_UP), { pauseMs: 200 });
    await scenario({
      connect,
      until: (condition) =>
        eventually(async () => {
          if (!(await condition())) throw new Error("it did not come to that");
        }),
    });
  } finally {
    for (const broker of opened) await broker.close();
  }
};

const record = (key: string, value: string) => ({ topic: TOPIC, key, value });
const numbered = (keys: readonly string[], numbers: readonly number[]) =>
  numbers.flatMap((number) => keys.map((key) => record(key, String(number))));

/** Enough keys for every partition. */
const WARMING_UP = Array.from({ length: 20 }, (_, index) => record(`warming up ${index}`, ""));
const isMeant = ({ key }: BrokerRecord) => !key?.startsWith("warming up");

/** A member of a group that records what it handles. */
function reader(broker: Broker, groupId: string) {
  const handled: BrokerRecord[] = [];
  const subscription: Subscription = broker.subscribe({
    ...{ groupId, topics: [TOPIC] },
    handle(records) {
      handled.push(...records.filter(isMeant));
      return Promise.resolve();
    },
  });
  return {
    ...{ subscription, handled },
    values: () => handled.map(({ value }) => utf8.decode(value ?? undefined)),
    valuesOf: (key: string) =>
      handled.filter((each) => each.key === key).map(({ value }) => utf8.decode(value ?? undefined)),
  };
}

const KEYS = ["a", "b", "c", "d", "e", "f"];

describe.each([
  ["the simulated broker", simulated],
  ["kafkajs on Apache Kafka", real],
] as const)("%s", (_name, play) => {
  test("hands over what it acknowledged, each key's records in the order of their publication", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      const first = await broker.publish(numbered(KEYS, [1, 2]));
      const second = await broker.publish(numbered(KEYS, [3]));
      const ends = await broker.endOffsets([TOPIC]);
      expect(first.reduce((sum, { firstOffset, endOffset }) => sum + endOffset - firstOffset, 0n)).toBe(12n);
      for (const { partition, endOffset } of second) {
        expect(ends.find((end) => end.partition === partition)?.endOffset).toBe(endOffset);
        expect(first.find((before) => before.partition === partition)?.endOffset).toBeLessThan(endOffset);
      }
      const { subscription, handled, valuesOf } = reader(broker, "readers");
      await until(() => handled.length === 18);
      for (const key of KEYS) expect(valuesOf(key)).toEqual(["1", "2", "3"]);
      await subscription.stop();
    }));

  test("puts a key's records into one partition, whose records are numbered without a gap", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      await broker.publish(numbered(KEYS, [1, 2, 3]));
      const { subscription, handled } = reader(broker, "readers");
      await until(() => handled.length === 18);
      for (const key of KEYS)
        expect(new Set(handled.filter((each) => each.key === key).map(({ partition }) => partition)).size).toBe(1);
      for (const [, records] of Map.groupBy(handled, ({ partition }) => partition))
        expect(records.map(({ offset }) => Number(offset) - Number(records[0]?.offset))).toEqual([...records.keys()]);
      await subscription.stop();
    }));

  test("does not hand over again what a member had handled when it stopped", () =>
    play(async ({ connect, until }) => {
      const one = reader(connect(), "readers");
      const broker = connect();
      await broker.publish(numbered(KEYS, [1]));
      await until(() => one.handled.length === KEYS.length);
      await one.subscription.stop();
      expect(await broker.lag({ groupId: "readers", topics: [TOPIC] })).toBe(0);
      await broker.publish(numbered(KEYS, [2]));
      expect(await broker.lag({ groupId: "readers", topics: [TOPIC] })).toBe(KEYS.length);
      const next = reader(connect(), "readers");
      await until(() => next.handled.length >= KEYS.length);
      expect(new Set(next.values())).toEqual(new Set(["2"]));
      await next.subscription.stop();
    }));

  test("hands over again what a member had not handled when it left", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      await broker.publish([record("a", "1")]);
      let begun = 0;
      const leaving = connect().subscribe({
        ...{ groupId: "readers", topics: [TOPIC] },
        handle: (_records, signal) =>
          new Promise((_resolve, reject) => {
            begun += 1;
            signal.addEventListener("abort", () => reject(new Error("it left")), { once: true });
          }),
      });
      await until(() => begun > 0);
      await leaving.stop();
      const next = reader(connect(), "readers");
      await until(() => next.handled.length > 0);
      expect(next.values()).toEqual(["1"]);
      await next.subscription.stop();
    }));

  test("hands the same records over again when a handler rejects, before those behind them", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      const seen: string[] = [];
      let failures = 2;
      const subscription = broker.subscribe({
        ...{ groupId: "readers", topics: [TOPIC] },
        handle(records) {
          if (failures > 0) {
            failures -= 1;
            return Promise.reject(new Error("not now"));
          }
          seen.push(...records.filter(isMeant).map(({ value }) => utf8.decode(value ?? undefined)));
          return Promise.resolve();
        },
      });
      await broker.publish(numbered(["a"], [1, 2, 3]));
      await until(() => seen.length >= 3);
      expect(seen).toEqual(["1", "2", "3"]);
      await subscription.stop();
    }));

  test("shares the partitions among the members of a group, and gives them to those that stay", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      const one = reader(connect(), "readers");
      const other = reader(connect(), "readers");
      await until(() => one.subscription.isHealthy() && other.subscription.isHealthy());
      const all = () => new Set([...one.handled, ...other.handled].map(({ key, offset }) => `${key} ${offset}`));
      for (let number = 1; one.handled.length === 0 || other.handled.length === 0; number += 1) {
        if (number > 100) throw new Error("one of two members is never given anything");
        await broker.publish(numbered(KEYS, [number]));
        await until(() => all().size === number * KEYS.length);
      }
      await one.subscription.stop();
      await broker.publish(numbered(KEYS, [1_000]));
      await until(() => KEYS.every((key) => other.valuesOf(key).includes("1000")));
      await other.subscription.stop();
    }));

  test("gives every group all records", () =>
    play(async ({ connect, until }) => {
      const broker = connect();
      await broker.publish(numbered(KEYS, [1, 2]));
      const one = reader(connect(), "readers");
      const other = reader(connect(), "listeners");
      await until(() => one.handled.length === 12 && other.handled.length === 12);
      await one.subscription.stop();
      await other.subscription.stop();
    }));
});
