import type { DeliveryStatus } from "@shop/contracts/http/delivery";
import { sql } from "drizzle-orm";
import { check, index, pgTable, text, timestamp, uniqueIndex, uuid } from "drizzle-orm/pg-core";

export { bulkOperation } from "@shop/database/bulk-operations";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/**
 * One delivery per order. One that is CANCELLED may be a tombstone: the order was cancelled before its delivery was asked for.
 * The lock of its row decides who was first, rider or cancel.
 */
export const delivery = pgTable(
  "delivery",
  {
    id: uuid("id").primaryKey(),
    orderId: uuid("order_id").notNull(),
    customerId: uuid("customer_id").notNull(),
    status: text("status").$type<DeliveryStatus>().notNull(),
    deliveryAddress: text("delivery_address").notNull(),
    /** Who claimed it, and in the end who completed it or gave it up. */
    riderId: uuid("rider_id"),
    failReason: text("fail_reason"),
    createdAt: instantColumn("created_at").notNull(),
    updatedAt: instantColumn("updated_at").notNull(),
    completedAt: instantColumn("completed_at"),
  },
  (table) => [
    uniqueIndex("delivery_of_order").on(table.orderId),
    index("delivery_by_status").on(table.status, table.id),
    index("delivery_of_customer_by_status").on(table.customerId, table.status, table.id),
    check("delivery_status_known", sql`${table.status} in ('PENDING', 'COMPLETE', 'CANCELLED', 'FAILED')`),
    check(
      "delivery_completed_by_a_rider",
      sql`(${table.status} = 'COMPLETE') = (${table.completedAt} is not null) and (${table.status} <> 'COMPLETE' or ${table.riderId} is not null)`,
    ),
    check(
      "delivery_failed_with_reason",
      sql`(${table.status} = 'FAILED') = (${table.failReason} is not null) and (${table.status} <> 'FAILED' or ${table.riderId} is not null)`,
    ),
  ],
);
