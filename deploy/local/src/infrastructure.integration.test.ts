import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:net";
import { freePort } from "./free-port.ts";
import { startInfrastructure } from "./infrastructure.ts";

test("addresses that are given are used, and nothing is started beside them", async () => {
  const port = await freePort();
  const kafka = createServer().listen(port, "127.0.0.1");
  await once(kafka, "listening");
  const infrastructure = await startInfrastructure({
    databases: ["user", "order"],
    environment: {
      USER_DATABASE_URL: "postgres://a@db.example/user",
      ORDER_DATABASE_URL: "postgres://b@db.example/order",
      KAFKA_BROKERS: `127.0.0.1:${port}`,
    },
  });
  expect(Object.fromEntries(infrastructure.databaseUrls)).toEqual({
    user: "postgres://a@db.example/user",
    order: "postgres://b@db.example/order",
  });
  expect(infrastructure.kafkaBrokers).toBe(`127.0.0.1:${port}`);
  expect([infrastructure.postgres, infrastructure.kafka]).toEqual([undefined, undefined]);
  await infrastructure.stop();
  kafka.close();
});

test("an INFRA that is not known is refused, with those that are", async () => {
  const starting = startInfrastructure({ databases: [], environment: { INFRA: "docker" } });
  await expect(starting).rejects.toThrow("INFRA=docker is not known. Set it to testcontainers, or leave it unset");
});
