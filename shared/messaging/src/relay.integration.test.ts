import { afterEach, beforeEach, expect, test } from "bun:test";
import { TellOrdersCommand } from "@shop/contracts/messages/audit";
import { connectDatabase, type Database } from "@shop/database/connect";
import { postgresDriver as driver } from "@shop/database/driver";
import { inTransaction } from "@shop/database/transaction";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { sql } from "drizzle-orm";
import type { Broker } from "./broker.ts";
import { createKafkaBroker } from "./kafka/kafka-broker.ts";
import { createOutbox } from "./outbox.ts";
import { outgoing } from "./outgoing.ts";
import { createRelay, type Relay } from "./relay.ts";
import { openRelaySession } from "./relay-session.ts";

let database: TestDatabase;
let db: Database;
let broker: Broker;
let relays: readonly Relay[];

beforeEach(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  const { logger } = capturedLogger();
  const metrics = createMetrics();
  const kafka = { brokers: (await testKafkaBrokers()).split(","), clientId: "test", prefix: uniqueTopicPrefix() };
  broker = createKafkaBroker({ ...kafka, partitions: 2, replicationFactor: 1, clock, logger, metrics });
  const openSession = () => openRelaySession({ databaseUrl: database.url, driver, clock });
  // As good as never: whatever leaves does so because it was told of.
  const sweepIntervalMs = 3_600_000;
  relays = [1, 2].map(() => createRelay({ openSession, db, broker, clock, logger, metrics, sweepIntervalMs }));
  for (const relay of relays) relay.start();
}, 120_000);
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await broker.close();
  await db.$client.end({ timeout: 2 });
  await database.drop();
}, 120_000);

/** Commits a message and waits until it is marked as sent; `wake` is called until it is. */
async function sends(wake: () => void): Promise<void> {
  const key = ids();
  const message = outgoing(TellOrdersCommand, key, { auditId: key, orderIds: [ids()] }, undefined);
  await inTransaction(db, (tx) => createOutbox({ ids, clock }).send(tx, [message]));
  await eventually(
    async () => {
      wake();
      expect(await db.execute(sql`select from outbox where key = ${key} and sent_at is not null`)).toHaveLength(1);
    },
    { pauseMs: 100 },
  );
}

test("a message leaves as soon as it is committed, by whichever replica, without waiting for the next look", async () => {
  await eventually(() => expect(relays.filter((relay) => relay.isActive())).toHaveLength(1));
  const [active] = relays.filter((relay) => relay.isActive());
  const [standby] = relays.filter((relay) => !relay.isActive());
  await sends(() => active?.wake());
  await sends(() => standby?.wake());
}, 120_000);
