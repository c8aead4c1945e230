import { expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { freePort } from "@shop/local/free-port";
import { systemClock as clock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { createKafkaBroker } from "./kafka-broker.ts";

test("who begins while Kafka is away publishes, consumes and is told of its partitions as soon as it is there", async () => {
  const [host = "", kafkaPort] = (await testKafkaBrokers()).split(":");
  const port = await freePort();
  const broker = createKafkaBroker({
    ...{ brokers: [`127.0.0.1:${port}`], clientId: "test", prefix: uniqueTopicPrefix() },
    ...{ partitions: 1, replicationFactor: 1, clock, logger: capturedLogger().logger, metrics: createMetrics() },
  });
  const group = { groupId: "readers", topics: ["order.events"] } as const;
  const handled: (string | null)[] = [];
  const subscription = broker.subscribe({
    ...group,
    handle: async (records) => void handled.push(...records.map(({ key }) => key)),
  });
  const publish = () => broker.publish([{ topic: "order.events", key: "k", value: "{}" }]);
  const ends = async () => (await broker.endOffsets(group.topics)).map(({ endOffset }) => endOffset);
  await expect(publish()).rejects.toThrow();
  await expect(ends()).rejects.toThrow();
  await expect(broker.lag(group)).rejects.toThrow();
  // The first address of it leads there now; the further ones are its own.
  const way = createServer((socket) => {
    const far = connect(Number(kafkaPort), host);
    for (const end of [socket, far]) end.on("error", () => end.destroy());
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => way.listen(port, "127.0.0.1", resolve));
  const published = await eventually(publish);
  expect(await eventually(ends)).toEqual(published.map(({ endOffset }) => endOffset));
  await eventually(() => expect(handled).toContain("k"));
  await eventually(async () => expect(await broker.lag(group)).toBe(0));
  await subscription.stop();
  await broker.close();
  way.close();
}, 120_000);
