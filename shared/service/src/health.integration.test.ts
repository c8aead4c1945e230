import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Health, Health as HealthSchema } from "@shop/contracts/http/health";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { AUDIENCE, createSigner, goodClaims, goodHeader, ISSUER, type Signer } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { byType, on } from "@shop/messaging/inbox/handlers";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { testKafkaBrokers, testPostgresUrl } from "@shop/testing/infrastructure";
import { type Link, linkToDatabase } from "@shop/testing/link";
import { capturedLogger } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { sql } from "drizzle-orm";
import type { ServiceContext } from "./context.ts";
import { createParticipant } from "./create-service.ts";
import { defineService } from "./define-service.ts";
import type { ServiceRuntime } from "./process.ts";

let signer: Signer;
let database: TestDatabase;
let link: Link;
let service: ServiceRuntime | undefined;
let context: ServiceContext;

beforeAll(async () => {
  signer = await createSigner();
  await Promise.all([testKafkaBrokers(), testPostgresUrl()]);
}, 120_000);
beforeEach(async () => {
  database = await createEmptyDatabase();
  link = await linkToDatabase(database.url);
});
afterEach(async () => {
  // Statements on a link that was cut would be waited for.
  link.close();
  await service?.stop();
  service = undefined;
  await database.drop();
}, 120_000);

/** A service that sends itself commands, and handles them once `release` says so. */
async function start(brokers: readonly string[], release: Promise<void> = Promise.resolve()): Promise<void> {
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const kafka = { brokers, clientId: "test", prefix: uniqueTopicPrefix(), partitions: 2, replicationFactor: 1 };
  const verifier = createTokenVerifier({
    ...{ jwksUrl: "http://user.test/jwks", issuer: ISSUER, audience: AUDIENCE, clock, logger },
    // The user service is an HTTP upstream of this one.
    fetch: () => Promise.resolve(Response.json({ keys: [signer.publicJwk] })),
  });
  service = createParticipant(
    defineService({
      name: "product",
      database: { migrations: `${import.meta.dir}/../../../services/product/migrations` },
      messaging: {
        topics: ["product.commands"],
        handlers: () =>
          byType(
            on(DecreaseProductCommand, async () => {
              await release;
              return [];
            }),
          ),
      },
      routes: (_app, given) => {
        context = given;
        given.metrics.gauge({ name: "odd_products", help: "Products that are odd" }, () => 3);
      },
      findings: { DRIFTING_PRODUCTS: "odd_products", STUCK_SAGAS: "nobody_looks" },
    }),
    {
      broker: createKafkaBroker({ ...kafka, clock, logger, metrics }),
      databaseUrl: link.through(database.url),
      ...{ identity, clock, ids, logger, metrics, verifier, seedDemoData: false, migrateAtStart: true },
    },
  );
  service.start();
  await eventually(async () => expect((await service?.ready())?.ready).toBe(true));
}

/** A handler that takes longer than an answer may is a 503, which fails here. */
async function health(): Promise<Health> {
  const token = await signer.sign(goodHeader, { ...goodClaims(clock.now()), role: "admin", jti: ids() });
  const response = await service?.app.request("/api/health", { headers: { authorization: `Bearer ${token}` } });
  expect(response?.status).toBe(200);
  return HealthSchema.parse(await response?.json());
}

async function sendCommands(count: number): Promise<void> {
  const commands = Array.from({ length: count }, () => {
    const orderId = ids();
    return outgoing(
      DecreaseProductCommand,
      orderId,
      { orderId, items: [{ productId: orderId, quantity: 1 }] },
      undefined,
    );
  });
  await inTransaction(context.db, (tx) => context.outbox.send(tx, commands));
}

test("a service tells its release, its checks, what it has found, and the messages that it has still to handle", async () => {
  const release = Promise.withResolvers<void>();
  await start((await testKafkaBrokers()).split(","), release.promise);
  const untilItSays = (lag: number) =>
    eventually(async () => {
      // Kafka has a message shortly before the outbox knows that it has.
      const messaging = { unsent: 0, oldestUnsentSeconds: 0, deadLetters: 0, lag };
      expect((await health()).services).toMatchObject([{ messaging }]);
    });
  await eventually(async () => expect((await health()).status).toBe("UP"));
  await sendCommands(5);
  await untilItSays(5);
  expect((await health()).services).toEqual([
    {
      ...{ service: "product", status: "UP", ...identity },
      checks: [
        { name: "database", ok: true, detail: "ok" },
        { name: "kafka", ok: true, detail: "ok" },
      ],
      messaging: { unsent: 0, oldestUnsentSeconds: 0, deadLetters: 0, lag: 5 },
      findings: [
        { finding: "DRIFTING_PRODUCTS", count: 3 },
        { finding: "DEFERRED_MESSAGES", count: 0 },
        { finding: "UNREADABLE_PARTITIONS", count: 0 },
      ],
    },
  ]);
  release.resolve();
  await untilItSays(0);
}, 120_000);

test("while Kafka is away a service is impaired, and tells what waits in its outbox and which messages it could not handle", async () => {
  await start(["127.0.0.1:1"]);
  await sendCommands(2);
  await context.db.execute(sql`
    insert into dead_letter (id, cause, detail, topic, partition, record_offset, headers, failed_at, replayed_at)
    select gen_random_uuid(), 'EMPTY', '', 'product.commands', 0, n, '{}', now(), case when n = 1 then now() end
    from generate_series(1, 4) as n`);
  const found = await health();
  expect(found).toMatchObject({
    status: "IMPAIRED",
    services: [{ messaging: { unsent: 2, deadLetters: 3, lag: null } }],
  });
  const [own] = found.services;
  if (own === undefined || own.status === "DOWN") throw new Error("a service that answers is not down");
  expect(own.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ["database", true],
    ["kafka", false],
  ]);
  await eventually(async () => {
    const [later] = (await health()).services;
    expect(later?.status === "DOWN" ? 0 : later?.messaging?.oldestUnsentSeconds).toBeGreaterThan(0);
  });
}, 120_000);

test("while its database does not answer a service says so within the time of an answer", async () => {
  await start((await testKafkaBrokers()).split(","));
  link.cut();
  const found = await health();
  const checks: unknown = expect.arrayContaining([{ name: "database", ok: false, detail: expect.any(String) }]);
  expect(found).toMatchObject({ status: "IMPAIRED", services: [{ status: "IMPAIRED", messaging: null, checks }] });
  expect((await service?.ready())?.ready).toBe(false);
}, 120_000);
