import { sql } from "drizzle-orm";
import type { OrderItem, OrderMilestone, OrderProgress, OrderStatus } from "@shop/contracts/http/order";
import type { WebhookEventType } from "@shop/contracts/http/webhook";
import type { CancelReason } from "@shop/contracts/primitives";
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
  uuid,
} from "drizzle-orm/pg-core";

export { bulkOperation } from "@shop/database/bulk-operations";
const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** What happened to an order, and when, in RFC 3339 UTC. */
export interface OrderChange {
  readonly type: OrderMilestone;
  readonly at: string;
}

/** Orders as they were placed, with where they stand. Items, total and address never change: names and prices are those at the time of the order. */
export const orders = pgTable(
  "orders",
  {
    id: uuid("id").primaryKey(),
    customerId: uuid("customer_id").notNull(),
    status: text("status").$type<OrderStatus>().notNull(),
    progress: text("progress").$type<OrderProgress>().notNull(),
    cancelReason: text("cancel_reason").$type<CancelReason>(),
    cancelRequestedAt: instantColumn("cancel_requested_at"),
    /** The reason that the request to cancel gives; null when there was none. */
    cancelRequestReason: text("cancel_request_reason").$type<CancelReason>(),
    /** When the order, or the request to cancel it, is republished; null once the saga has shown progress. */
    republishAt: instantColumn("republish_at"),
    /** `json`, not `jsonb`: an answer that is given again has its fields in the same order. */
    items: json("items").$type<OrderItem[]>().notNull(),
    total: bigint("total", { mode: "number" }).notNull(),
    currency: text("currency").$type<"KRW">().notNull(),
    deliveryAddress: text("delivery_address").notNull(),
    createdAt: instantColumn("created_at").notNull(),
    updatedAt: instantColumn("updated_at").notNull(),
    /**
     * Every change since the order was placed, in its order, at most one of each kind: what watchers are told. It stands in the row and not in
     * a table of its own because each change writes the row anyway, and so it costs no further row, index or statement.
     */
    changes: jsonb("changes")
      .$type<readonly OrderChange[]>()
      .notNull()
      .default(sql`'[]'::jsonb`),
  },
  (table) => [
    index("orders_of_customer").on(table.customerId, table.id),
    index("orders_by_status").on(table.status, table.id),
    index("orders_by_reason")
      .on(table.cancelReason, table.id)
      .where(sql`${table.cancelReason} is not null`),
    index("orders_to_republish")
      .on(table.republishAt)
      .where(sql`${table.republishAt} is not null`),
    check("orders_changes_are_array", sql`jsonb_typeof(${table.changes}) = 'array'`),
    check("orders_items_are_array", sql`json_typeof(${table.items}) = 'array'`),
    check("orders_cancelled_with_reason", sql`(${table.status} = 'CANCELLED') = (${table.cancelReason} is not null)`),
  ],
);

const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

/**
 * The words by which an order is found: of its address, its goods, its products and its number. A table of its own, filled some seconds later:
 * an order is placed without it, and what changes of an order does not touch its words.
 */
export const orderSearch = pgTable(
  "order_search",
  { orderId: uuid("order_id").primaryKey(), terms: tsvector("terms").notNull() },
  (table) => [index("order_search_terms").using("gin", table.terms)],
);

/** Addresses that an admin has registered to be told of events. */
export const webhook = pgTable("webhook", {
  id: uuid("id").primaryKey(),
  url: text("url").notNull(),
  description: text("description").notNull(),
  events: text("events").array().$type<WebhookEventType[]>().notNull(),
  enabled: boolean("enabled").notNull(),
  /** Signs what is sent: `whsec_` and 24 random bytes as base64. */
  secret: text("secret").notNull(),
  /** Signs as well until then, so that a receiver can change over. */
  previousSecret: text("previous_secret"),
  previousSecretUntil: instantColumn("previous_secret_until"),
  createdAt: instantColumn("created_at").notNull(),
  updatedAt: instantColumn("updated_at").notNull(),
});

/**
 * What webhooks are told, one row for each webhook and event, written by the statement that changes the order. There is no foreign key: the
 * transactions of orders must not wait for one that changes a webhook.
 */
export const webhookDelivery = pgTable(
  "webhook_delivery",
  {
    id: uuid("id")
      .primaryKey()
      .default(sql`uuidv7()`),
    /** The order of an order's events: its row is locked when one is written. */
    seq: bigint("seq", { mode: "bigint" }).notNull().generatedAlwaysAsIdentity(),
    webhookId: uuid("webhook_id").notNull(),
    orderId: uuid("order_id").notNull(),
    type: text("type").$type<WebhookEventType>().notNull(),
    /** The delivery that was created; null for other events. */
    deliveryId: uuid("delivery_id"),
    at: instantColumn("at").notNull(),
    attempts: integer("attempts").notNull().default(0),
    /** Since when it is tried without success; null before the first attempt. */
    firstAttemptAt: instantColumn("first_attempt_at"),
    /** A replica that sends it moves this ahead: after a crash another one sends it from then on. */
    nextAttemptAt: instantColumn("next_attempt_at").notNull(),
    deliveredAt: instantColumn("delivered_at"),
    /** When it was given up. */
    deadAt: instantColumn("dead_at"),
    lastStatus: integer("last_status"),
    lastError: text("last_error"),
  },
  (table) => [
    index("webhook_delivery_due")
      .on(table.webhookId, table.nextAttemptAt)
      .where(sql`${table.deliveredAt} is null and ${table.deadAt} is null`),
    index("webhook_delivery_undelivered")
      .on(table.webhookId, table.orderId, table.seq)
      .where(sql`${table.deliveredAt} is null`),
    index("webhook_delivery_delivered")
      .on(table.deliveredAt)
      .where(sql`${table.deliveredAt} is not null`),
    index("webhook_delivery_of_webhook").on(table.webhookId, table.id),
    check("webhook_delivery_ended_once", sql`${table.deliveredAt} is null or ${table.deadAt} is null`),
    check(
      "webhook_delivery_of_created_delivery",
      sql`(${table.type} = 'delivery.created') = (${table.deliveryId} is not null)`,
    ),
  ],
);

/** The order service's own copy of what it needs to price an order, kept by ProductChanged. */
export const catalogue = pgTable("catalogue", {
  productId: uuid("product_id").primaryKey(),
  name: text("name").notNull(),
  price: bigint("price", { mode: "number" }).notNull(),
  currency: text("currency").$type<"KRW">().notNull(),
  withdrawn: boolean("withdrawn").notNull(),
  version: integer("version").notNull(),
});

/** How many products the product service has announced; one row, none before the first announcement. */
export const catalogueAnnouncement = pgTable(
  "catalogue_announcement",
  {
    id: integer("id").primaryKey(),
    products: integer("products").notNull(),
    /** Whether as many have been in the catalogue since: then they need not be counted. */
    complete: boolean("complete").notNull(),
  },
  (table) => [check("catalogue_announcement_is_one", sql`${table.id} = 1`)],
);

/** The keys under which customers placed orders, for 24 hours. */
export const idempotencyKey = pgTable(
  "idempotency_key",
  {
    customerId: uuid("customer_id").notNull(),
    key: text("key").notNull(),
    /** SHA-256 of the request's body as parsed JSON. */
    bodyHash: text("body_hash").notNull(),
    orderId: uuid("order_id").notNull(),
    createdAt: instantColumn("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.customerId, table.key] }),
    index("idempotency_key_created_at").using("brin", table.createdAt),
  ],
);
