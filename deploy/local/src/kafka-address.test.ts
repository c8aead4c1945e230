import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:net";
import { eventually } from "@shop/testing/eventually";
import { freePort } from "./free-port.ts";
import { untilReachable } from "./kafka-address.ts";

test("brokers that cannot be reached are refused by the name of their setting, each with its reason", async () => {
  const nobody = await freePort();
  await expect(untilReachable(`127.0.0.1:${nobody}, nowhere.invalid:9092`, { startTimeoutMs: 200 })).rejects.toThrow(
    new RegExp(
      `KAFKA_BROKERS=127.0.0.1:${nobody}, nowhere.invalid:9092: 127.0.0.1:${nobody} \\(ECONNREFUSED\\), nowhere.invalid:9092 \\(\\w+\\)`,
    ),
  );
});

test("an address that is none is refused by the name of its setting, before anything is tried", async () => {
  await expect(untilReachable("nowhere")).rejects.toThrow(
    'KAFKA_BROKERS=nowhere is wrong: "nowhere" is no host:port, such as kafka:9092',
  );
  await expect(untilReachable("nowhere", { setting: "TEST_KAFKA_BROKERS" })).rejects.toThrow(
    "TEST_KAFKA_BROKERS=nowhere is wrong",
  );
});

test("one broker that can be reached is enough", async () => {
  const [up, nobody] = [await freePort(), await freePort()];
  const server = createServer().listen(up, "127.0.0.1");
  await once(server, "listening");
  await untilReachable(`127.0.0.1:${nobody},127.0.0.1:${up}`);
  server.close();
});

test("a broker that is being started is waited for, and that is said once, with its setting", async () => {
  const late = await freePort();
  const said: string[] = [];
  const reached = untilReachable(`127.0.0.1:${late}`, { progress: (text) => said.push(text) });
  await eventually(() => expect(said).toHaveLength(1));
  const server = createServer().listen(late, "127.0.0.1");
  await reached;
  server.close();
  expect(said.join()).toContain(`Kafka cannot be reached at KAFKA_BROKERS=127.0.0.1:${late}: `);
});
