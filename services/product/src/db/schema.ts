import { MAX_PRICE, MAX_STOCK } from "@shop/contracts/primitives";
import type { DecreaseRefusal } from "@shop/contracts/messages/product";
import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { Item, ReservationStatus } from "../domain/stock.ts";

/** The id of the current transaction, as `transactionColumn` keeps it; in a subtransaction that of the whole one. */
export const thisTransaction = sql`(pg_current_xact_id()::text::bigint)`;

export { bulkOperation } from "@shop/database/bulk-operations";
const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/**
 * The id of the transaction that wrote the row: the audit of the stock reads by it what its last round could not see. Null in rows that are
 * older than the column. A bigint, since BRIN has no operators for xid8.
 */
const transactionColumn = (name: string) => bigint(name, { mode: "number" }).default(thisTransaction);

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
 * A row that is RETURNED without ever having been TAKEN is a tombstone: the order was cancelled before its stock was asked for.
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
    decidedIn: transactionColumn("decided_in"),
    /** As `decidedIn`, until the row is turned to RETURNED. */
    changedIn: transactionColumn("changed_in"),
  },
  (table) => [
    // BRIN: rows come in the order of their transactions, an insert maintains nothing but for each megabyte, and an update stays HOT.
    index("reservation_changed_in").using("brin", table.changedIn).with({ autosummarize: true }),
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
    madeIn: transactionColumn("made_in"),
  },
  (table) => [
    index("stock_change_of_product").on(table.productId),
    index("stock_change_made_in").using("brin", table.madeIn).with({ autosummarize: true }),
  ],
);

/** How far the audit of the stock has counted: one row. All but `id` is null until something was counted. */
export const stockAudit = pgTable(
  "stock_audit",
  {
    id: boolean("id").primaryKey().default(true),
    /** The `pg_snapshot` of the last round: what it sees is in `stock_audit_total`. */
    snapshot: text("snapshot"),
    /** The cluster and the database whose transaction ids these are: after a dump and restore they mean nothing. */
    database: text("database"),
    /** When everything was last counted from the first row. */
    countedAt: instantColumn("counted_at"),
  },
  (table) => [check("stock_audit_is_one_row", sql`${table.id}`)],
);

/** What was counted for each product as of the snapshot in `stock_audit`. */
export const stockAuditTotal = pgTable("stock_audit_total", {
  productId: uuid("product_id").primaryKey(),
  /** What orders hold: the items of reservations that are TAKEN. */
  held: bigint("held", { mode: "number" }).notNull(),
  /** The sum of the stock changes. */
  broughtIn: bigint("brought_in", { mode: "number" }).notNull(),
});
