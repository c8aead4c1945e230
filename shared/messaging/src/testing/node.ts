import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { jsonRows } from "@shop/database/rows";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { sql } from "drizzle-orm";
import type { Broker } from "../broker.ts";
import type { Received } from "../inbox/decode.ts";
import { byType, on } from "../inbox/handlers.ts";
import { createKafkaBroker } from "../kafka/kafka-broker.ts";
import type { Instance } from "../kafka/consumer/dead-members.ts";
import { createMessaging, type Messaging } from "../messaging.ts";
import { outgoing } from "../outbox/outgoing.ts";
import { defaultRetention } from "../purge.ts";

/** One replica of a service that sends itself numbered messages and records each one that it applies. */
export interface Node {
  readonly db: Database;
  readonly broker: Broker;
  readonly messaging: Messaging;
  readonly metrics: Metrics;
  readonly lines: readonly LogLine[];
  /** Commits messages to the outbox: for each key its next numbers. */
  send(keys: readonly string[], numbers: readonly number[]): Promise<void>;
  /** Replays a dead letter. */
  replay(id: string): Promise<unknown>;
  stop(): Promise<void>;
}

export interface NodeOptions {
  readonly databaseUrl: string;
  readonly prefix: string;
  /** `host:port`; the broker that all tests share by default. */
  readonly brokers?: string;
  /** This process, when it is to clear its group of dead members. */
  readonly instance?: Instance;
  /** The system's by default. */
  readonly clock?: Clock;
  /** Puts something between the messaging and Kafka. */
  readonly decorate?: (broker: Broker) => Broker;
  /** Called with each message before it is applied; what it throws is the handler's error. */
  readonly onMessage?: (number: number, key: string) => void | Promise<void>;
  /** Whether each message up to 500 leads to a further one, of a number higher by 500. */
  readonly answers?: boolean;
}

/** The table that the nodes write what they apply into. `seq` tells the order. */
export async function createEffects(db: Database): Promise<void> {
  await db.execute(
    sql`create table effect (seq bigint generated always as identity, key text not null, number int not null)`,
  );
}

const commandOf = (key: string, quantity: number) =>
  outgoing(DecreaseProductCommand, key, { orderId: key, items: [{ productId: key, quantity }] }, undefined);

export async function startNode({
  databaseUrl,
  prefix,
  brokers,
  instance,
  clock = systemClock,
  decorate = (broker) => broker,
  onMessage,
  answers = false,
}: NodeOptions): Promise<Node> {
  const { logger, lines } = capturedLogger();
  const metrics = createMetrics();
  const db = connectDatabase({ url: databaseUrl, applicationName: "node" });
  const broker = decorate(
    createKafkaBroker({
      ...{
        brokers: (brokers ?? (await testKafkaBrokers())).split(","),
        prefix,
        clientId: "node",
        ...(instance && { instance }),
        partitions: 6,
        replicationFactor: 1,
        clock,
        logger,
        metrics,
      },
    }),
  );
  const messaging = createMessaging({
    ...{
      db,
      databaseUrl,
      broker,
      groupId: "node",
      retention: defaultRetention,
      clock,
      ids: uuidV7,
      logger,
      metrics,
    },
  });
  const number = ({ data }: Received<{ readonly items: readonly { readonly quantity: number }[] }>) =>
    data.items[0]?.quantity ?? 0;
  const handlers = byType(
    on(DecreaseProductCommand, async (tx, messages) => {
      for (const message of messages) await onMessage?.(number(message), message.key);
      const applied = messages.map((message) => ({ key: message.key, number: number(message) }));
      await tx.execute(sql`
        insert into effect (key, number) select key, number from json_to_recordset(${jsonRows(applied)}) as r(key text, number int)`);
      return applied.flatMap(({ key, number: given }) =>
        answers && given <= 500 ? [commandOf(key, given + 500)] : [],
      );
    }),
  );
  messaging.start(["product.commands"], handlers);
  return {
    replay: (id) => messaging.replayer(handlers).one(id, { dryRun: false }),
    ...{ db, broker, messaging, metrics, lines },
    async send(keys, numbers) {
      await inTransaction(db, (tx) =>
        messaging.outbox.send(
          tx,
          numbers.flatMap((quantity) => keys.map((key) => commandOf(key, quantity))),
        ),
      );
    },
    async stop() {
      await messaging.stop();
      await db.$client.end({ timeout: 2 });
    },
  };
}

export interface Effect {
  readonly key: string;
  readonly number: number;
}

/** What has been applied, in the order of the writes. */
export async function effects(db: Database): Promise<readonly Effect[]> {
  return await db.execute<{ key: string; number: number }>(sql`select key, number from effect order by seq`);
}

/** The numbers applied for each key, in the order of the writes. */
export async function effectsByKey(db: Database): Promise<ReadonlyMap<string, readonly number[]>> {
  const byKey = Map.groupBy(await effects(db), ({ key }) => key);
  return new Map([...byKey].map(([key, list]) => [key, list.map(({ number }) => number)]));
}
