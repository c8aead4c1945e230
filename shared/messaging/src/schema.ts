import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "string" });

/** `on` in the transactions of `connectDatabase` only: a statement that is not part of one cannot write these tables. */
const transactionMark = () =>
  text("tx")
    .notNull()
    .default(sql`current_setting('transaction_deferrable')`);

/**
 * Messages that a transaction decided to send. The relay publishes them in the order of `id` and marks them.
 * A key's rows have ids in the order of their commits, since anyone who writes one holds the lock on the key's row already;
 * over all keys ids are not in commit order, so nothing may read this table by an id watermark.
 */
export const outbox = pgTable(
  "outbox",
  {
    id: bigint("id", { mode: "bigint" }).primaryKey().generatedAlwaysAsIdentity(),
    topic: text("topic").notNull(),
    key: text("key").notNull(),
    /** A whole CloudEvent. `json`, not `jsonb`: it is only ever sent on, letter by letter. */
    payload: json("payload").notNull(),
    createdAt: instantColumn("created_at").notNull().defaultNow(),
    sentAt: instantColumn("sent_at"),
    tx: transactionMark(),
  },
  (table) => [
    index("outbox_unsent")
      .on(table.id)
      .where(sql`${table.sentAt} is null`),
    check("outbox_in_transaction", sql`${table.tx} = 'on'`),
    check("outbox_payload_is_object", sql`json_typeof(${table.payload}) = 'object'`),
  ],
);

/** How far the broker has acknowledged each partition that this database's relay publishes to: what it ends before, it has lost. */
export const outboxPublished = pgTable(
  "outbox_published",
  {
    topic: text("topic").notNull(),
    partition: integer("partition").notNull(),
    /** One past the offset of the last record that was acknowledged. */
    endOffset: bigint("end_offset", { mode: "bigint" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.topic, table.partition] })],
);

/** Topics of which the broker has lost something: their sent outbox rows are sent again, in the order of their ids. */
export const outboxRecovery = pgTable("outbox_recovery", {
  topic: text("topic").primaryKey(),
  /** Rows with lower ids have been sent again. */
  nextId: bigint("next_id", { mode: "bigint" }).notNull(),
  /** The last row that may have been sent before the loss was found. */
  lastId: bigint("last_id", { mode: "bigint" }).notNull(),
});

/** The ids of messages whose effect is in this database, written in the transaction of that effect. */
export const inbox = pgTable(
  "inbox",
  {
    messageId: text("message_id").primaryKey(),
    handledAt: instantColumn("handled_at").notNull().defaultNow(),
    tx: transactionMark(),
  },
  (table) => [
    index("inbox_handled_at").using("brin", table.handledAt),
    check("inbox_in_transaction", sql`${table.tx} = 'on'`),
  ],
);

/**
 * The processes that run, and those of the last hour that crashed. One that crashed with a single message in flight is kept for a day: that is
 * how the crashes of a message are counted.
 */
export const inFlight = pgTable(
  "in_flight",
  {
    /** The id of the process; its session of the database carries it for as long as it lives. */
    process: text("process").notNull(),
    /** Whether the row is about the dead letter that the process retries, not about what it consumes. */
    retry: boolean("retry").notNull().default(false),
    /** Where the messages lie that were marked last: `RecordRange[]`. */
    ranges: jsonb("ranges").notNull().default([]),
    /** The message that was marked last, if it was only one; null when it was handled after all. */
    messageId: text("message_id"),
    markedAt: instantColumn("marked_at").notNull().defaultNow(),
    /** When it was found that its session had ended; null while it runs. */
    crashedAt: instantColumn("crashed_at"),
  },
  (table) => [primaryKey({ columns: [table.process, table.retry] })],
);

/** Messages that could not be handled, whole, with the reason, and those that wait behind one of the same key. */
export const deadLetter = pgTable(
  "dead_letter",
  {
    id: uuid("id").primaryKey(),
    /** A code of what is wrong; see `DeadLetterCause`. */
    cause: text("cause").notNull(),
    detail: text("detail").notNull(),
    messageId: text("message_id"),
    type: text("type"),
    topic: text("topic").notNull(),
    partition: integer("partition").notNull(),
    recordOffset: bigint("record_offset", { mode: "bigint" }).notNull(),
    key: text("key"),
    payload: bytea("payload"),
    headers: jsonb("headers").notNull(),
    failedAt: instantColumn("failed_at").notNull(),
    replayedAt: instantColumn("replayed_at"),
    /** The order in which a key's messages came, and in which they are handled in the end. */
    seq: bigint("seq", { mode: "bigint" }).notNull().generatedAlwaysAsIdentity(),
    /** Whether later messages of its key wait until it has been replayed. */
    blocksKey: boolean("blocks_key").notNull().default(false),
    /** When the first of a key is retried without being asked; null for one that waits for an operator, or behind another one. */
    retryAt: instantColumn("retry_at"),
  },
  (table) => [
    // The payload is part of it: a topic that was lost and made again counts its offsets again.
    uniqueIndex("dead_letter_record").on(
      table.topic,
      table.partition,
      table.recordOffset,
      sql`md5(coalesce(${table.payload}, ''))`,
    ),
    // A message that was understood and comes twice, by whatever way, is one dead letter.
    uniqueIndex("dead_letter_of_message")
      .on(table.messageId)
      .where(sql`${table.cause} in ('REFUSED', 'HANDLER_FAILED', 'PROCESS_KILLED', 'PARKED')`),
    index("dead_letter_by_cause").on(table.cause, table.id),
    // Its beginning only: a key from outside may be longer than an index takes.
    index("dead_letter_by_key").on(sql`left(${table.key}, 64)`, table.cause, table.id),
    index("dead_letter_open")
      .on(table.id)
      .where(sql`${table.replayedAt} is null`),
    index("dead_letter_settled")
      .on(table.replayedAt)
      .where(sql`${table.replayedAt} is not null`),
    index("dead_letter_blocking")
      .on(table.key, table.seq)
      .where(sql`${table.blocksKey} and ${table.replayedAt} is null`),
  ],
);
