import type { Topic } from "@shop/contracts/services";
import { Kafka, logLevel, type Message } from "kafkajs";
import postgres from "postgres";
import type { TestSystem } from "./test-system.ts";

/** Writes messages beside the services, as anybody with access to the broker can. */
export async function publish(shop: TestSystem, topic: Topic, messages: readonly Message[]): Promise<void> {
  const kafka = new Kafka({ brokers: shop.system.kafkaBrokers.split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: shop.topicPrefix + topic, messages: [...messages] });
  await producer.disconnect();
}

/**
 * Takes a table of the product service away while `work` runs: whatever it has to handle meanwhile fails in a way that does not pass by itself.
 * What has failed is then left to an operator, and not retried by itself.
 */
export async function withoutReservations(shop: TestSystem, work: () => Promise<void>): Promise<void> {
  const sql = postgres(shop.system.databaseUrls.get("product") ?? "", { max: 1, onnotice: () => undefined });
  await sql`alter table reservation rename to reservation_elsewhere`;
  try {
    await work();
  } finally {
    await sql`update dead_letter set retry_at = null`;
    await sql`alter table reservation_elsewhere rename to reservation`;
    await sql.end();
  }
}
