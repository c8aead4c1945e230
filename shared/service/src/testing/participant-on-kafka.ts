import { expect } from "bun:test";
import { AUDIENCE, ISSUER } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { connectDatabase } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { type Outgoing, toOutboxRow } from "@shop/messaging/outbox/outgoing";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { type SQL, sql } from "drizzle-orm";
import { createParticipant } from "../create-service.ts";
import type { Participant } from "../define-service.ts";
import type { ServiceRuntime } from "../process.ts";
import { participantUnderTest, type ParticipantUnderTest } from "./participant-under-test.ts";

/** A participant that consumes from the real Kafka and writes to the real database, and another session of that database. */
export interface ParticipantOnKafka {
  readonly metrics: Metrics;
  readonly lines: readonly LogLine[];
  /** Publishes messages to the topics that it consumes, in one publication. */
  publish(messages: readonly Outgoing[]): Promise<void>;
  /** The types of the messages that it has sent, by key, in their order. */
  sentByKey(): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Runs `work` while another session holds the locks that a statement takes; its transaction is committed in the end, or rolled back. */
  whileLocked(statement: SQL, work: () => Promise<void>, end?: "commit" | "rollback"): Promise<void>;
  /** How many sessions of a `participantUnderTest` of this database wait for a lock of another one. */
  callsWaiting(): Promise<number>;
  /** Ends the present process in order, and starts another one in its place. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

class RolledBack extends Error {
  override readonly name = "RolledBack";
}

/** A participant on a database of its own, and the same once more on Kafka. */
export interface ParticipantTwice {
  /** Called and given messages by the test itself. */
  readonly atHand: ParticipantUnderTest;
  /** Without its background work: nothing is sent but what messages lead to. */
  readonly service: ParticipantOnKafka;
  close(): Promise<void>;
}

/** @param prepare is given the participant at hand before the one on Kafka starts */
export async function participantTwice(
  participant: Participant,
  prepare: (atHand: ParticipantUnderTest) => Promise<unknown> = async () => undefined,
): Promise<ParticipantTwice> {
  const database = await createTestDatabase({ service: participant.name });
  const atHand = await participantUnderTest(participant, database.url);
  await prepare(atHand);
  const service = await participantOnKafka({ ...participant, background: [] }, database);
  return {
    ...{ atHand, service },
    async close() {
      await service.close();
      await atHand.close();
      await database.drop();
    },
  };
}

async function participantOnKafka(participant: Participant, { url }: TestDatabase): Promise<ParticipantOnKafka> {
  const { logger, lines } = capturedLogger();
  const metrics = createMetrics();
  const prefix = uniqueTopicPrefix();
  const brokers = (await testKafkaBrokers()).split(",");
  const connect = () =>
    createKafkaBroker({
      ...{ brokers, prefix, clientId: participant.name, partitions: 3, replicationFactor: 1, clock, logger, metrics },
    });
  const verifier = createTokenVerifier({
    ...{ jwksUrl: "http://localhost:1/jwks.json", issuer: ISSUER, audience: AUDIENCE, clock, logger },
  });
  function start(): ServiceRuntime {
    const parts = { databaseUrl: url, broker: connect(), verifier, identity, clock, ids, logger, metrics };
    const running = createParticipant(participant, { ...parts, migrateAtStart: false, seedDemoData: false });
    running.start();
    return running;
  }
  const publisher = connect();
  // A foreign session: nothing ends its silent transactions.
  const db = connectDatabase({ url, applicationName: "another session", silentTransactionTimeoutMs: 0 });
  let running = start();

  return {
    ...{ metrics, lines },
    async publish(messages) {
      const rows = messages.map((message) => toOutboxRow(message, ids, clock));
      const records = rows.map(({ topic, key, payload }) => ({ topic, key, value: JSON.stringify(payload) }));
      // A topic that has just been made refuses records for a moment, also some of these: then the others come twice.
      await eventually(() => publisher.publish(records), { deadlineMs: 60_000, pauseMs: 200 });
    },
    async sentByKey() {
      const rows = await db.execute<{ key: string; type: string }>(
        sql`select key, payload ->> 'type' as type from outbox order by id`,
      );
      return new Map([...Map.groupBy(rows, ({ key }) => key)].map(([key, all]) => [key, all.map(({ type }) => type)]));
    },
    async whileLocked(statement, work, end = "commit") {
      const [locked, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const holder = inTransaction(db, async (tx) => {
        expect((await tx.execute(statement)).count).toBeGreaterThan(0);
        locked.resolve();
        await letGo.promise;
        if (end === "rollback") throw new RolledBack();
      }).catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
      await Promise.race([locked.promise, holder]);
      try {
        await work();
      } finally {
        letGo.resolve();
        await holder;
      }
    },
    async callsWaiting() {
      const rows = await db.execute(sql`
        select from pg_stat_activity
        where datname = current_database() and application_name = 'under test' and wait_event_type = 'Lock'`);
      return rows.length;
    },
    async restart() {
      await running.stop();
      running = start();
    },
    async close() {
      await running.stop();
      await publisher.close();
      await db.$client.end({ timeout: 2 });
    },
  };
}

export interface LockedRow {
  /** Locks the row in another session. */
  readonly lock: SQL;
  /** Messages that need the row, in their order. */
  readonly held: readonly Outgoing[];
  /** Messages of other keys that do not. */
  readonly free: readonly Outgoing[];
  /** What is sent of each key, in the end: for a message, the types of the messages that it leads to. */
  readonly leadsTo: (message: Outgoing) => readonly string[];
  /** Called while the row is locked and all else is handled. */
  readonly meanwhile?: () => Promise<void>;
}

/** Far more than a slow machine needs. */
const DEADLINE = { deadlineMs: 60_000 };

/**
 * Expects that a row which another session has locked holds up nothing but the messages that need it: all others are handled before it is
 * unlocked, then these are, each once and in the order of its key, and none is a dead letter.
 */
export async function expectOthersGoOn(
  service: ParticipantOnKafka,
  { lock, held, free, leadsTo, meanwhile = () => Promise.resolve() }: LockedRow,
): Promise<void> {
  const before = await service.sentByKey();
  const sentBy = (messages: readonly Outgoing[]) =>
    new Map(
      [...Map.groupBy(messages, ({ key }) => key)]
        .map(([key, all]) => [key, [...(before.get(key) ?? []), ...all.flatMap(leadsTo)]] as const)
        .filter(([, types]) => types.length > 0),
    );
  const only = async (messages: readonly Outgoing[]) => {
    const keys = new Set(messages.map(({ key }) => key));
    return new Map([...(await service.sentByKey())].filter(([key]) => keys.has(key)));
  };
  const middle = Math.ceil(free.length / 2);
  await service.whileLocked(lock, async () => {
    const [first, ...later] = held;
    await service.publish([...free.slice(0, middle), ...(first ? [first] : []), ...free.slice(middle), ...later]);
    await eventually(async () => expect(await only(free)).toEqual(sentBy(free)), DEADLINE);
    // It was handled, but for what needs the row, which shows.
    await eventually(
      () => expect(service.metrics.read("messages_deferred")).toBeGreaterThanOrEqual(held.length),
      DEADLINE,
    );
    expect(await only(held)).toEqual(
      new Map([...before].filter(([key]) => held.some((message) => message.key === key))),
    );
    await meanwhile();
  });
  await eventually(async () => expect(await only(held)).toEqual(sentBy(held)), DEADLINE);
  await eventually(() => expect(service.metrics.read("messages_deferred")).toBe(0), DEADLINE);
  expect(await only(free)).toEqual(sentBy(free));
  expect(service.lines.filter(({ level }) => level === "error")).toEqual([]);
}

export interface LockedCall {
  /** Locks a row in another session. */
  readonly lock: SQL;
  /** A call that changes the row. */
  readonly held: () => Promise<Response>;
  /** A call that changes another row of the same table. */
  readonly free: () => Promise<Response>;
}

/** Three times as many as a process has connections. */
const CALLS = 30;

/**
 * Expects that calls for a row which another session has locked do not occupy the connections: one waits, a call for another row succeeds
 * meanwhile, those for the locked row are refused as to be repeated, and when the row is unlocked a repeated one succeeds.
 */
export async function expectOthersAnswered(
  service: ParticipantOnKafka,
  { lock, held, free }: LockedCall,
): Promise<void> {
  await service.whileLocked(lock, async () => {
    const calls = Promise.all(Array.from({ length: CALLS }, held));
    expect((await free()).ok).toBe(true);
    expect(await service.callsWaiting()).toBeLessThanOrEqual(1);
    for (const answer of await calls)
      expect([answer.status, answer.headers.get("retry-after"), await answer.json()]).toEqual([
        ...[503, "1"],
        expect.objectContaining({ code: "UNAVAILABLE" }),
      ]);
  });
  expect((await held()).ok).toBe(true);
}
