import type { Span } from "@shop/contracts/http/page";
import type { Order, OrderMilestone, OrderStatus } from "@shop/contracts/http/order";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { lockWithoutWaiting } from "@shop/database/locks";
import { jsonValue, statement } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { byId, jsonRows, spanWhere, uuidArray } from "@shop/database/rows";
import { and, type Column, eq, isNotNull, lte, type Placeholder, type SQL, sql } from "drizzle-orm";
import { REPUBLISH_AFTER_MS } from "../domain/republishing.ts";
import { waitingOf } from "../domain/waiting.ts";
import { termsQuery } from "./order-terms.ts";
import { orders, orderSearch } from "./schema.ts";

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

/** Stores orders that have just been placed: PENDING, CREATED. The transaction continues meanwhile. */
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

/** By what orders are looked for; all that are given have to be met. */
export interface OrderFilter {
  readonly customerId?: string | undefined;
  readonly status?: OrderStatus | undefined;
  /** Why it was cancelled. */
  readonly reason?: CancelReason | undefined;
  readonly productId?: string | undefined;
  /** Words of its address, its goods or its number. */
  readonly words?: string | undefined;
}

export interface OrdersToList extends OrderFilter {
  readonly span: Span;
  readonly limit: number;
}

/**
 * Orders, in the order of a span: UUIDv7 sorts by time. The narrowest of what is asked for is read from an index in this order, and what it
 * gives is filtered by the rest.
 */
export async function listOrders(db: ReadDatabase, wanted: OrdersToList): Promise<readonly Order[]> {
  const { customerId, status, reason, productId, words, span, limit } = wanted;
  if (reason !== undefined && status !== undefined && status !== "CANCELLED") return [];
  const query = termsQuery({ productId, words });
  const filter = and(
    customerId === undefined ? undefined : eq(orders.customerId, customerId),
    status === undefined ? undefined : eq(orders.status, status),
    reason === undefined ? undefined : eq(orders.cancelReason, reason),
  );
  const within = (part: Span) => {
    const { where, orderBy } = spanWhere(narrowest(wanted), orders.id, part);
    // The index of reasons has the orders that have one. What an index has fixed already is not asked for again: that could only mislead the planner.
    const hasReason = reason === undefined ? undefined : isNotNull(orders.cancelReason);
    const rest = narrowest(wanted).length === countOf(wanted) ? undefined : filter;
    return { where: and(where, hasReason, rest), orderBy };
  };
  if (query !== undefined) return (await searched(db, query, { filter, within, span, limit })).map(toOrder);
  const { where, orderBy } = within(span);
  const rows = await db
    .select()
    .from(orders)
    .where(where)
    .orderBy(...orderBy)
    .limit(limit);
  return rows.map(toOrder);
}

/** As many orders at the beginning of a span are looked at one by one before the index of words is asked. */
const LOOKED_AT = 2_000;

interface Searching {
  /** What the orders have to be beside having the words; undefined when they are asked for by words alone. */
  readonly filter: SQL | undefined;
  /** The orders that are so, in the order of a span, from an index. */
  readonly within: (span: Span) => { readonly where: SQL | undefined; readonly orderBy: readonly SQL[] };
  readonly span: Span;
  readonly limit: number;
}

/**
 * Orders that have words. Of words that many orders have, the first orders of a span soon fill a page; those that few have are read from the
 * index of words and sorted. Which of the two it is shows in the first orders: the planner does not know how many words begin like one.
 */
async function searched(
  db: ReadDatabase,
  query: SQL,
  { filter, within, span, limit }: Searching,
): Promise<readonly OrderRow[]> {
  const read = (found: SQL, count: number) =>
    db
      .select({ order: orders })
      .from(orders)
      .innerJoin(sql`${found} as found(order_id)`, sql`found.order_id = ${orders.id}`)
      .where(filter)
      .orderBy(byId(orders.id, span))
      .limit(count);
  const { where, orderBy } = within(span);
  const first = sql`select ${orders.id} from ${orders} where ${where ?? sql`true`} order by ${sql.join([...orderBy], sql`, `)}`;
  const near = await read(
    sql`(select first.id from (${first} limit ${LOOKED_AT}) as first
      cross join lateral (select terms from order_search where order_id = first.id offset 0) as own where own.terms @@ ${query})`,
    limit,
  );
  if (near.length >= limit) return near.map(({ order }) => order);
  const [last] = await db.execute<{ id: string }>(sql`${first} offset ${LOOKED_AT - 1} limit 1`);
  if (last === undefined) return near.map(({ order }) => order);
  const behind = spanWhere([], orderSearch.orderId, { ...span, afterId: last.id });
  const left = limit - near.length;
  // As above, the offset keeps the planner to one index: here to that of words.
  const found = sql`select order_id from (select order_id from order_search where terms @@ ${query} offset 0) as order_search
    where ${behind.where}`;
  const far = await read(
    filter === undefined
      ? sql`(${found} order by ${sql.join([...behind.orderBy], sql`, `)} limit ${left})`
      : sql`(${found})`,
    left,
  );
  return [...near, ...far].map(({ order }) => order);
}

/** The columns of the index that reads the fewest rows. */
function narrowest({ customerId, status, reason }: OrderFilter): readonly (readonly [Column, string])[] {
  if (customerId !== undefined) return [[orders.customerId, customerId]];
  if (reason !== undefined) return [[orders.cancelReason, reason]];
  return status === undefined ? [] : [[orders.status, status]];
}

/** How many columns are filtered by. */
const countOf = ({ customerId, status, reason }: OrderFilter) =>
  [customerId, status, reason].filter((value) => value !== undefined).length;

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
