import { Partitioners } from "kafkajs";
import type { Sql } from "postgres";
import { kafkaClient } from "./kafka.ts";
import type { OutboxRow } from "./message.ts";

/** Hands rows to the relay. To be called after their transaction has committed, in the order of the commits. */
export type Publish = (rows: readonly OutboxRow[]) => void;

/** Holds the relay of a database, so that at most one process publishes its outbox. */
const RELAY_LOCK = 7_001;
const ROWS_A_SEND = 500;
const ROWS_A_SWEEP = 1_000;
const RETRY_MS = 200;
/** Published rows are deleted together, this often. */
const DELETE_EVERY_MS = 100;
/** Rows that nobody has published after this long belong to a process that crashed after its commit. */
const ABANDONED_AFTER_S = 5;
const SWEEP_EVERY_MS = 2_000;

interface RelayOptions {
  readonly name: string;
  readonly sql: Sql;
  readonly kafkaBrokers: string;
}

/**
 * The relay of a transactional outbox that publishes from memory right after the commit. The table is what a crash leaves behind: it is swept at the
 * start and then for rows that are old. At-least-once: rows are deleted after Kafka has acknowledged them.
 */
export async function startRelay({ name, sql, kafkaBrokers }: RelayOptions): Promise<Publish> {
  const producer = kafkaClient(`reference-${name}`, kafkaBrokers).producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  await lead(sql);

  const waiting: OutboxRow[] = [];
  let published: string[] = [];
  let isSending = false;
  let isDeleting = false;

  async function send(rows: readonly OutboxRow[]): Promise<void> {
    const topicMessages = [...Map.groupBy(rows, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.map(({ key, payload }) => ({ key, value: payload })),
    }));
    for (;;) {
      try {
        await producer.sendBatch({ acks: -1, topicMessages });
        return;
      } catch (error) {
        process.stderr.write(`publish: ${String(error)}\n`);
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  async function sendWaiting(): Promise<void> {
    if (isSending) return;
    isSending = true;
    while (waiting.length > 0) {
      const rows = waiting.splice(0, ROWS_A_SEND);
      await send(rows);
      for (const { id } of rows) published.push(id);
    }
    isSending = false;
  }

  const remove = (ids: readonly string[]) => sql`delete from outbox where id = any(${ids}::uuid[])`;

  async function removePublished(): Promise<void> {
    if (isDeleting || published.length === 0) return;
    isDeleting = true;
    const ids = published;
    published = [];
    try {
      await remove(ids);
    } catch (error) {
      process.stderr.write(`delete published rows: ${String(error)}\n`);
      published.push(...ids);
    } finally {
      isDeleting = false;
    }
  }

  /** Publishes what is at least this old, the oldest first. */
  async function sweep(ageSeconds: number): Promise<void> {
    for (;;) {
      const rows = await sql<OutboxRow[]>`
        select id, topic, key, payload from outbox
        where created_at <= clock_timestamp() - ${ageSeconds} * interval '1 second'
        order by seq limit ${ROWS_A_SWEEP}`;
      if (rows.length === 0) return;
      await send(rows);
      await remove(rows.map(({ id }) => id));
    }
  }

  await sweep(0);
  setInterval(() => void removePublished(), DELETE_EVERY_MS);
  setInterval(
    () => void sweep(ABANDONED_AFTER_S).catch((error: unknown) => process.stderr.write(`sweep: ${String(error)}\n`)),
    SWEEP_EVERY_MS,
  );
  return (rows) => {
    waiting.push(...rows);
    void sendWaiting();
  };
}

/** Takes the lock of the relay, on a connection that keeps it for as long as the process lives. */
async function lead(sql: Sql): Promise<void> {
  const connection = await sql.reserve();
  for (;;) {
    const [row] = await connection<{ isHeld: boolean }[]>`select pg_try_advisory_lock(${RELAY_LOCK}) as "isHeld"`;
    if (row?.isHeld) return;
    await Bun.sleep(RETRY_MS);
  }
}
