import { MAX_PRICE, MAX_STOCK } from "@shop/contracts/primitives";
import type { DecreaseRefusal } from "@shop/contracts/messages/product";
import { sql } from "drizzle-orm";
import { bigint, check, index, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { Item, ReservationStatus } from "../domain/stock.ts";

export {
  deadLetter,
  deadlyMessage,
  inbox,
  inHand,
  outbox,
  outboxPublished,
  outboxResend,
} from "@shop/messaging/schema";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** The products, also those withdrawn from sale: orders may still hold stock of them. */
export const product = pgTable(
  "product",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    price: integer("price").notNull(),
    currency: text("currency").$type<"KRW">().notNull(),
    /** What can be taken now. */
    stock: integer("stock").notNull(),
    /** What orders took and did not give back. With `stock` it has room in an integer, so that giving back can never fail. */
    taken: integer("taken").notNull().default(0),
    /** Grows with every change of the product's description of itself, not with its stock. */
    version: integer("version").notNull().default(1),
    createdAt: instantColumn("created_at").notNull(),
    withdrawnAt: instantColumn("withdrawn_at"),
  },
  (table) => [
    index("product_on_sale")
      .on(table.id)
      .where(sql`${table.withdrawnAt} is null`),
    check("product_price_in_range", sql`${table.price} between 0 and ${sql.raw(String(MAX_PRICE))}`),
    check("product_stock_never_negative", sql`${table.stock} >= 0 and ${table.taken} >= 0`),
    check("product_stock_has_room_for_returns", sql`${table.stock} <= ${sql.raw(String(MAX_STOCK))} - ${table.taken}`),
  ],
);

/**
 * What each order took from the stock: one row per order, written once and then only turned to RETURNED.
 * A row that is RETURNED without ever having been TAKEN is a tombstone: the order was taken back before its stock was asked for.
 */
export const reservation = pgTable(
  "reservation",
  {
    orderId: uuid("order_id").primaryKey(),
    status: text("status").$type<ReservationStatus>().notNull(),
    /** Why nothing was taken. */
    refusal: text("refusal").$type<DecreaseRefusal>(),
    /** What was taken, one entry per product; empty when nothing was. */
    items: jsonb("items").$type<Item[]>().notNull(),
    decidedAt: instantColumn("decided_at").notNull(),
    returnedAt: instantColumn("returned_at"),
  },
  (table) => [
    check("reservation_status_known", sql`${table.status} in ('TAKEN', 'REFUSED', 'RETURNED')`),
    check("reservation_refused_with_reason", sql`(${table.status} = 'REFUSED') = (${table.refusal} is not null)`),
    check("reservation_items_are_array", sql`jsonb_typeof(${table.items}) = 'array'`),
  ],
);

/** Stock that came in or was written off by hand, a product's first stock included. With the reservations it explains every stock. */
export const stockChange = pgTable(
  "stock_change",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    productId: uuid("product_id")
      .notNull()
      .references(() => product.id),
    delta: integer("delta").notNull(),
    /** The admin who made it; null for demo data. */
    changedBy: uuid("changed_by"),
    changedAt: instantColumn("changed_at").notNull(),
  },
  (table) => [index("stock_change_of_product").on(table.productId)],
);
