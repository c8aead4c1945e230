import type { Order, OrderMilestone } from "@shop/contracts/http/order";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { lockWithoutWaiting } from "@shop/database/locks";
import { jsonValue, statement } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { jsonRows, newestWhere, uuidArray } from "@shop/database/rows";
import { and, desc, eq, lt, lte, type Placeholder, type SQL, sql } from "drizzle-orm";
import { REPUBLISH_AFTER_MS } from "../domain/republishing.ts";
import { waitingOf } from "../domain/waiting.ts";
import { orders } from "./schema.ts";

export type OrderRow = typeof orders.$inferSelect;

/** Locks orders, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeOrders = (tx: Transaction, orderIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`orders`, column: sql`orders.id` }, orderIds);

const insertRows = statement<never, "placed">(
  (value) => sql`
    insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at, republish_at)
    select id, "customerId", status, progress, items, total, currency, "deliveryAddress", "createdAt", "updatedAt",
      "createdAt" + ${sql.raw(String(REPUBLISH_AFTER_MS))} * interval '1 millisecond'
    from json_to_recordset(${value("placed")}::json) as r(
      id uuid, "customerId" uuid, status text, progress text, items json, total bigint, currency text,
      "deliveryAddress" text, "createdAt" timestamptz, "updatedAt" timestamptz)`,
);

/** Stores orders that have just been placed: PENDING, CREATED. The transaction goes on meanwhile. */
export function insertOrders(tx: Transaction, placed: readonly Order[]): void {
  alongside(tx, insertRows(tx, { placed: jsonValue(placed) }));
}

/** Keeps orders from being changed by others until the transaction ends. They are locked in the order of their ids: so no two transactions wait for each other. */
export async function lockOrders(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await tx.execute(sql`select from orders where id = any(${uuidArray(orderIds)}) order by id for update`);
}

/** Orders whose message is due to be republished, locked; those that another replica has locked are skipped. */
export async function lockOrdersToRepublish(tx: Transaction, now: Date, limit: number): Promise<readonly OrderRow[]> {
  return tx
    .select()
    .from(orders)
    .where(lte(orders.republishAt, now))
    .orderBy(orders.republishAt)
    .limit(limit)
    .for("update", { skipLocked: true });
}

export async function setRepublishAt(
  tx: Transaction,
  times: readonly { readonly id: string; readonly republishAt: Date }[],
): Promise<void> {
  await tx.execute(sql`
    update orders set republish_at = r."republishAt"
    from json_to_recordset(${jsonRows(times)}) as r(id uuid, "republishAt" timestamptz)
    where orders.id = r.id and orders.id = any(${uuidArray(times.map(({ id }) => id))})`);
}

/** @param customerId only this customer's, or anyone's */
export async function findOrder(
  db: ReadDatabase,
  id: string,
  customerId: string | undefined,
): Promise<OrderRow | undefined> {
  const [row] = await db
    .select()
    .from(orders)
    .where(and(eq(orders.id, id), customerId === undefined ? undefined : eq(orders.customerId, customerId)));
  return row;
}

/** An order that is watched, and how many of its changes are known. */
export interface KnownChanges {
  readonly id: string;
  readonly changes: number;
}

/** Those of the orders that have more changes than are known of them. */
export async function findChanged(db: Database, known: readonly KnownChanges[]): Promise<readonly OrderRow[]> {
  const rows = await db
    .select({ order: orders })
    .from(orders)
    .innerJoin(sql`json_to_recordset(${jsonRows(known)}) as known(id uuid, changes int)`, sql`known.id = ${orders.id}`)
    .where(sql`jsonb_array_length(${orders.changes}) > known.changes`);
  return rows.map(({ order }) => order);
}

/** An order's `changes` with one more at their end, for the statement that makes it. Text in, such as a parameter or a column. */
export const changesWith = (milestone: SQL, at: string | Placeholder): SQL =>
  sql`orders.changes || jsonb_build_object('type', ${milestone}, 'at', ${at}::text)`;

/** The milestone that an order has come to; those of before changes were kept have none but their progress, which is one as well. */
export const reachedMilestone = ({ changes, progress }: Pick<OrderRow, "changes" | "progress">): OrderMilestone =>
  changes.at(-1)?.type ?? progress;

export interface OrdersToList {
  /** Only this customer's, or everyone's. */
  readonly customerId: string | undefined;
  /** Only those behind this one in the list. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** Orders, newest first: UUIDv7 sorts by time. */
export async function listOrders(
  db: ReadDatabase,
  { customerId, afterId, limit }: OrdersToList,
): Promise<readonly Order[]> {
  const { where, orderBy } =
    customerId === undefined
      ? { where: afterId === undefined ? undefined : lt(orders.id, afterId), orderBy: [desc(orders.id)] }
      : newestWhere([[orders.customerId, customerId]], orders.id, afterId);
  const rows = await db
    .select()
    .from(orders)
    .where(where)
    .orderBy(...orderBy)
    .limit(limit);
  return rows.map(toOrder);
}

type ShownColumn =
  | ("id" | "customerId" | "status" | "progress" | "cancelReason" | "items")
  | ("total" | "currency" | "deliveryAddress" | "createdAt" | "updatedAt");

export function toOrder(row: Pick<OrderRow, ShownColumn>): Order {
  const { id, customerId, status, progress, cancelReason, items, total, currency, deliveryAddress } = row;
  // In the order of the fields of an order that has just been placed: an answer that is given again is the same to the letter.
  return {
    ...{ id, customerId, status, progress },
    waiting: waitingOf(progress, row.updatedAt),
    ...{ cancelReason, items, total, currency, deliveryAddress },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The data of an order that the saga receives. */
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

/** How orders stand, those that are known. It locks nothing. */
export async function statusesOf(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<(Pick<OrderRow, "status" | "cancelReason"> & { readonly orderId: string })[]> {
  return tx
    .select({ orderId: orders.id, status: orders.status, cancelReason: orders.cancelReason })
    .from(orders)
    .where(sql`${orders.id} = any(${uuidArray(orderIds)})`);
}
