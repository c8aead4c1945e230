import type { Order } from "@shop/contracts/http/order";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { Database, Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { and, desc, eq, lt, sql } from "drizzle-orm";
import { waitingOf } from "../domain/waiting.ts";
import { orders } from "./schema.ts";

export type OrderRow = typeof orders.$inferSelect;

/** Stores orders that have just been placed: PENDING, CREATED. */
export async function insertOrders(tx: Transaction, placed: readonly Order[]): Promise<void> {
  await tx.execute(sql`
    insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at)
    select id, "customerId", status, progress, items, total, currency, "deliveryAddress", "createdAt", "updatedAt"
    from json_to_recordset(${jsonRows(placed)}) as r(
      id uuid, "customerId" uuid, status text, progress text, items json, total bigint, currency text,
      "deliveryAddress" text, "createdAt" timestamptz, "updatedAt" timestamptz)`);
}

/** Keeps orders from being changed by others until the transaction ends. They are locked in the order of their ids: so no two transactions wait for each other. */
export async function lockOrders(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await tx.execute(sql`select from orders where id = any(${uuidArray(orderIds)}) order by id for update`);
}

/** @param customerId only this customer's, or anyone's */
export async function findOrder(db: Database, id: string, customerId: string | undefined): Promise<Order | undefined> {
  const [row] = await db
    .select()
    .from(orders)
    .where(and(eq(orders.id, id), customerId === undefined ? undefined : eq(orders.customerId, customerId)));
  return row && toOrder(row);
}

export interface OrdersToList {
  /** Only this customer's, or everyone's. */
  readonly customerId: string | undefined;
  /** Only those behind this one in the list. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** Orders, newest first: UUIDv7 sorts by time. */
export async function listOrders(
  db: Database,
  { customerId, afterId, limit }: OrdersToList,
): Promise<readonly Order[]> {
  const rows = await db
    .select()
    .from(orders)
    .where(
      and(
        customerId === undefined ? undefined : eq(orders.customerId, customerId),
        afterId === undefined ? undefined : lt(orders.id, afterId),
      ),
    )
    .orderBy(desc(orders.id))
    .limit(limit);
  return rows.map(toOrder);
}

export function toOrder(row: OrderRow): Order {
  const { id, customerId, status, progress, cancelReason, items, total, currency, deliveryAddress } = row;
  return {
    ...{ id, customerId, status, progress, cancelReason, items, total, currency, deliveryAddress },
    waiting: waitingOf(progress, row.updatedAt),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** What the saga is told of an order. */
export function toSnapshot({
  id,
  customerId,
  items,
  total,
  currency,
  deliveryAddress,
}: Pick<Order, "id" | "customerId" | "items" | "total" | "currency" | "deliveryAddress">): OrderSnapshot {
  return {
    orderId: id,
    customerId,
    items: items.map(({ productId, quantity }) => ({ productId, quantity })),
    total,
    currency,
    deliveryAddress,
  };
}
