import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { type LinkedKafka, startLinkedKafka } from "../support/linked-kafka.ts";

let kafka: LinkedKafka;

beforeAll(async () => {
  kafka = await startLinkedKafka();
}, 60_000);
afterAll(() => kafka.stop());

/** Every connection over which something passes while `work` goes on is dead from then on, and neither side is told. */
async function silenceDuring(work: () => Promise<unknown>): Promise<void> {
  let count = 0;
  kafka.link.watchFrames((connection) => {
    connection.silence();
    count += 1;
    return "drop";
  });
  await work();
  kafka.link.watchFrames(undefined);
  expect(count).toBeGreaterThan(0);
}

const publish = (value: string) =>
  eventually(() => kafka.overLink.publish([{ topic: "product.commands", key: "k", value }]), { deadlineMs: 60_000 });

test("a consumer whose connection has died without anybody saying so consumes again within 25 s", async () => {
  const heard: string[] = [];
  const subscription = kafka.overLink.subscribe({
    ...{ groupId: "silent", topics: ["product.commands"] as const },
    handle: (records) => {
      heard.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined)));
      return Promise.resolve();
    },
  });
  await publish("before");
  await eventually(() => expect(heard).toEqual(["before"]), { deadlineMs: 30_000 });
  await silenceDuring(() => Bun.sleep(1_000));
  await publish("after");
  await eventually(() => expect(heard).toContain("after"), { deadlineMs: 25_000, pauseMs: 100 });
  await subscription.stop();
}, 120_000);

test("a publication over such a connection is over after 10 s, and the next one goes over a new one", async () => {
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
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  await publish("after");
  expect(performance.now() - startedAt).toBeLessThan(20_000);
}, 120_000);
