import { afterAll, beforeAll, expect, test } from "bun:test";
import { AUDIENCE, ISSUER } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import type { Broker } from "@shop/messaging/broker";
import { byType } from "@shop/messaging/inbox/handlers";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { capturedLogger } from "@shop/testing/logger";
import { testIdentity as identity } from "@shop/testing/identity";
import { eventually } from "@shop/testing/eventually";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { createParticipant } from "./create-service.ts";
import { defineService, type Participant } from "./define-service.ts";
import type { ServiceRuntime } from "./process.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
}, 120_000);
afterAll(() => database.drop());

/** A service whose broker is unavailable, without anything of its own but `parts`; `onClosed` is called when it has closed its broker. */
function participant(
  parts: Partial<Participant>,
  { onSubscribed = () => {}, onClosed = () => {} }: { onSubscribed?: () => void; onClosed?: () => void },
): ServiceRuntime {
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const kafka = createKafkaBroker({
    ...{ brokers: ["127.0.0.1:1"], clientId: "test", prefix: "", partitions: 1, replicationFactor: 1 },
    ...{ clock, logger, metrics },
  });
  const broker: Broker = {
    ...kafka,
    subscribe(options) {
      onSubscribed();
      return kafka.subscribe(options);
    },
    async close() {
      await kafka.close();
      onClosed();
    },
  };
  return createParticipant(
    defineService({
      name: "order",
      database: { migrations: `${import.meta.dir}/../../../services/order/migrations` },
      messaging: { topics: ["order.commands"], handlers: () => byType() },
      routes: () => undefined,
      ...parts,
    }),
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
}

test("a service that is told to stop while it prepares its database does not begin to consume any more", async () => {
  let subscriptions = 0;
  const seeding = Promise.withResolvers<void>();
  const seeded = Promise.withResolvers<void>();
  const seedDemoData = () => {
    seeding.resolve();
    return seeded.promise;
  };
  const running = participant({ seedDemoData }, { onSubscribed: () => void (subscriptions += 1) });
  running.start();
  await seeding.promise;
  const stopped = running.stop();
  seeded.resolve();
  expect(await settled(stopped)).toBeUndefined();
  expect(subscriptions).toBe(0);
});

test("a service is ready when its database is, and when it has what it needs beside it", async () => {
  let products = "waiting for the products";
  const running = participant({ readiness: { name: "products", check: async () => products } }, {});
  expect((await running.ready()).ready).toBe(false);
  running.start();
  await eventually(async () =>
    expect(await running.ready()).toMatchObject({ ready: false, checks: { database: "ok", products } }),
  );
  products = "ok";
  expect((await running.ready()).ready).toBe(true);
  await running.stop();
}, 120_000);

test("a stop waits for the work in the background, which has its database to the end", async () => {
  const begun = Promise.withResolvers<void>();
  const allElseStopped = Promise.withResolvers<void>();
  let found: unknown;
  const work: NonNullable<Participant["background"]>[number] = async ({ db }) => {
    begun.resolve();
    await allElseStopped.promise;
    // Whatever follows from that without waiting has happened by then.
    await new Promise((resolve) => setImmediate(resolve));
    found = await db.execute(sql`select 'done' as work`).catch((error: unknown) => error);
  };
  const running = participant({ background: [work] }, { onClosed: allElseStopped.resolve });
  running.start();
  await begun.promise;
  await running.stop();
  expect(found).toMatchObject([{ work: "done" }]);
}, 120_000);
