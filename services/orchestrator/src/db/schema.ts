import { sql } from "drizzle-orm";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { SagaStep } from "@shop/contracts/http/saga";
import type { CancelReason } from "@shop/contracts/primitives";
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { SagaDirection } from "../saga/state.ts";

export { deadLetter, inbox, outbox } from "@shop/messaging/schema";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** One row per order's saga: where it is, what it waits for and until when. */
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
    index("saga_stuck")
      .on(table.stuckSince)
      .where(sql`${table.stuckSince} is not null`),
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
  },
  (table) => [primaryKey({ columns: [table.sagaId, table.seq] })],
);
