import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { KAFKA_CALLS } from "../harness/stage/kafka-link.ts";
import { type LinkedKafka, startLinkedKafka } from "../support/linked-kafka.ts";

let kafka: LinkedKafka;

beforeAll(async () => {
  kafka = await startLinkedKafka();
}, 240_000);
afterAll(() => kafka.stop());

/** Every connection over which something passes while `work` goes on is dead from then on, and neither side is told. */
async function silenceDuring(work: (silenced: ReadonlySet<number>) => Promise<unknown>): Promise<void> {
  const silenced = new Set<number>();
  kafka.link.watchFrames((connection, { call }) => {
    connection.silence();
    silenced.add(call);
    return "drop";
  });
  await work(silenced).finally(() => kafka.link.watchFrames(undefined));
  expect(silenced.size).toBeGreaterThan(0);
}

const publish = (value: string) =>
  eventually(() => kafka.overLink.publish([{ topic: "product.commands", key: "k", value }]));

test("a consumer whose connection has died without anybody saying so consumes again", async () => {
  const heard: string[] = [];
  const subscription = kafka.overLink.subscribe({
    ...{ groupId: "silent", topics: ["product.commands"] as const },
    handle: (records) => {
      heard.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined)));
      return Promise.resolve();
    },
  });
  await publish("before");
  await eventually(() => expect(heard).toEqual(["before"]));
  await silenceDuring((silenced) => eventually(() => expect(silenced.has(KAFKA_CALLS.fetch)).toBe(true)));
  await publish("after");
  await eventually(() => expect(heard).toContain("after"), { pauseMs: 100 });
  await subscription.stop();
}, 240_000);

test("a publication over such a connection is over long before the client's own limit of 30 s, and the next one goes over a new one", async () => {
  await publish("before");
  const startedAt = performance.now();
  let failure: unknown;
  await silenceDuring(async () => {
    const records = [{ topic: "product.commands", key: "k", value: "lost" }] as const;
    failure = await kafka.overLink.publish(records).then(
      () => undefined,
      (error: unknown) => error,
    );
  });
  expect(failure).toBeInstanceOf(Error);
  // After 10 s, and what a slow machine adds; the client's own limit is 30 s.
  expect(performance.now() - startedAt).toBeLessThan(29_000);
  await publish("after");
}, 240_000);
