import { sql } from "drizzle-orm";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { SagaStep } from "@shop/contracts/http/saga";
import type { CancelReason } from "@shop/contracts/primitives";
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";
import type { AskedSaga, AuditReports } from "../domain/books.ts";
import type { SagaDirection } from "../saga/state.ts";

export { bulkOperation } from "@shop/database/bulk-operations";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** One row per saga: where it is, what it waits for and until when. To the engine an order's id is the key of the saga's messages. */
export const saga = pgTable(
  "saga",
  {
    id: uuid("id").primaryKey(),
    orderId: uuid("order_id").notNull().unique(),
    definition: text("definition").notNull(),
    version: integer("version").notNull(),
    status: text("status").$type<SagaDirection>().notNull(),
    step: text("step").$type<SagaStep>().notNull(),
    data: jsonb("data").$type<OrderSnapshot>().notNull(),
    reason: text("reason").$type<CancelReason>(),
    attempts: integer("attempts").notNull(),
    nextAttemptAt: instantColumn("next_attempt_at"),
    deadline: instantColumn("deadline"),
    stuckSince: instantColumn("stuck_since"),
    traceparent: text("traceparent"),
    /** The optimistic lock: an update names the revision that it was computed from. */
    revision: integer("revision").notNull(),
    createdAt: instantColumn("created_at").notNull(),
    updatedAt: instantColumn("updated_at").notNull(),
  },
  (table) => [
    index("saga_due")
      .on(table.nextAttemptAt)
      .where(sql`${table.nextAttemptAt} is not null`),
    index("saga_by_status").on(
      sql`(case when ${table.stuckSince} is null then ${table.status} else 'STUCK' end)`,
      table.step,
      table.id,
    ),
    index("saga_by_reason")
      .on(
        table.reason,
        sql`(case when ${table.stuckSince} is null then ${table.status} else 'STUCK' end)`,
        table.step,
        table.id,
      )
      .where(sql`${table.reason} is not null`),
    check("saga_data_is_object", sql`jsonb_typeof(${table.data}) = 'object'`),
  ],
);

/** What happened to a saga, in order. */
export const sagaHistory = pgTable(
  "saga_history",
  {
    sagaId: uuid("saga_id").notNull(),
    seq: bigint("seq", { mode: "number" }).notNull(),
    at: instantColumn("at").notNull(),
    step: text("step").$type<SagaStep>().notNull(),
    message: text("message"),
    detail: text("detail").notNull(),
    /** How often it has happened, one time after the other. */
    times: integer("times").notNull().default(1),
    /** When it happened last; null of what is not counted. */
    lastAt: instantColumn("last_at"),
  },
  (table) => [primaryKey({ columns: [table.sagaId, table.seq] })],
);

/** The audit's one row: how far it has come, and the round that is under way. */
export const audit = pgTable(
  "audit",
  {
    one: smallint("one").primaryKey().default(1),
    /** The audit walks from the newest saga to the oldest; null when it starts again. */
    beforeSagaId: uuid("before_saga_id"),
    /** The round under way; null when there is none. */
    auditId: uuid("audit_id"),
    askedAt: instantColumn("asked_at"),
    asked: jsonb("asked").$type<AskedSaga[]>().notNull().default([]),
    reported: jsonb("reported").$type<Partial<AuditReports>>().notNull().default({}),
    /** When the last round was finished, and the last walk over all sagas. */
    roundFinishedAt: instantColumn("round_finished_at"),
    walkFinishedAt: instantColumn("walk_finished_at"),
  },
  (table) => [check("audit_has_one_row", sql`${table.one} = 1`)],
);

/** Orders on which the services do not agree. */
export const auditFinding = pgTable("audit_finding", {
  orderId: uuid("order_id").primaryKey(),
  detail: text("detail").notNull(),
  /** The saga's revision when it was found. */
  revision: integer("revision").notNull(),
  foundAt: instantColumn("found_at").notNull(),
  /** When it was found a second time with nothing changed in between: then it is no message on its way. */
  confirmedAt: instantColumn("confirmed_at"),
});
