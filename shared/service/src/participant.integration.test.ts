import { afterAll, beforeAll, expect, test } from "bun:test";
import { AUDIENCE, ISSUER } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/token-verifier";
import type { Broker } from "@shop/messaging/broker";
import { byType } from "@shop/messaging/handlers";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { capturedLogger } from "@shop/testing/logger";
import { testIdentity as identity } from "@shop/testing/identity";
import { settled } from "@shop/testing/settled";
import { createParticipant } from "./participant.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
}, 120_000);
afterAll(() => database.drop());

test("a service that is told to stop while it prepares its database does not begin to consume any more", async () => {
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const kafka = createKafkaBroker({
    ...{ brokers: ["127.0.0.1:1"], clientId: "test", prefix: "", partitions: 1, replicationFactor: 1 },
    ...{ clock, logger, metrics },
  });
  let subscriptions = 0;
  const broker: Broker = {
    ...kafka,
    subscribe(options) {
      subscriptions += 1;
      return kafka.subscribe(options);
    },
  };
  const seeding = Promise.withResolvers<void>();
  const seeded = Promise.withResolvers<void>();
  const running = createParticipant(
    {
      name: "order",
      migrations: `${import.meta.dir}/../../../services/order/migrations`,
      topics: ["order.commands"],
      handlers: () => byType(),
      routes: () => undefined,
      seedDemoData: () => {
        seeding.resolve();
        return seeded.promise;
      },
    },
    {
      ...{
        databaseUrl: database.url,
        identity,
        broker,
        clock,
        ids,
        logger,
        metrics,
        seedDemoData: true,
        migrateAtStart: true,
      },
      verifier: createTokenVerifier({
        ...{ jwksUrl: "http://localhost:1/jwks.json", issuer: ISSUER, audience: AUDIENCE, clock, logger },
      }),
    },
  );
  running.start();
  await seeding.promise;
  const stopped = running.stop();
  seeded.resolve();
  expect(await settled(stopped)).toBeUndefined();
  expect(subscriptions).toBe(0);
});
