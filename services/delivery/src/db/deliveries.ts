import { firstIdAt, isInSpan, lookThrough, type Span } from "@shop/contracts/http/page";
import { type Delivery, DeliveryStatus } from "@shop/contracts/http/delivery";
import { type AuditEntryAbout, insertAuditEntriesAbout } from "@shop/database/audit-trail";
import type { Selection } from "@shop/database/bulk-operations";
import type { Statements, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { byId, jsonRows, spanWhere, uuidArray } from "@shop/database/rows";
import { ExplainedError } from "@shop/runtime/errors";
import { lockWithoutWaiting } from "@shop/database/locks";
import { and, asc, eq, gt, gte, isNotNull, lt, sql, type SQL } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import type { DeliveryState } from "../domain/delivery-lifecycle.ts";
import { delivery } from "./schema.ts";

export type DeliveryRow = typeof delivery.$inferSelect;

/** Locks the deliveries of orders, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeDeliveries = (tx: Transaction, orderIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`delivery`, column: sql`delivery.order_id` }, orderIds);

/** What a delivery is asked for with. */
export interface DeliveryOrder {
  readonly orderId: string;
  readonly customerId: string;
  readonly deliveryAddress: string;
}

/** Which delivery an order has, and how it stands. */
export type DeliveryOfOrder = { readonly id: string; readonly orderId: string } & DeliveryState;

export interface NewDelivery extends DeliveryOrder {
  readonly id: string;
}

/**
 * Stores deliveries in the order of their orders' ids, so that no two transactions wait for each other. An order that has one already keeps it,
 * locked until the transaction ends, and `statusIfKnown` says what becomes of it.
 * @returns each order's delivery as it stands then
 */
async function store(
  tx: Transaction,
  wanted: readonly NewDelivery[],
  { status, statusIfKnown, now }: { readonly status: DeliveryStatus; readonly statusIfKnown: SQL; readonly now: Date },
): Promise<readonly DeliveryOfOrder[]> {
  const rows = await tx.execute<DeliveryStateRow>(sql`
    insert into delivery (id, order_id, customer_id, status, delivery_address, created_at, updated_at)
    select id, "orderId", "customerId", ${status}, "deliveryAddress", ${now.toISOString()}, ${now.toISOString()}
    from json_to_recordset(${jsonRows(wanted)}) as wanted(id uuid, "orderId" uuid, "customerId" uuid, "deliveryAddress" text)
    order by "orderId"
    on conflict (order_id) do update set status = ${statusIfKnown},
      updated_at = case when delivery.status = ${statusIfKnown} then delivery.updated_at else excluded.updated_at end
    returning id, order_id as "orderId", status, rider_id as "riderId", fail_reason as "failReason",
      (extract(epoch from completed_at) * 1000)::float8 as "completedAtMs"`);
  return rows.map(({ id, orderId, completedAtMs, ...state }) => {
    const completedAt = completedAtMs === null ? null : new Date(completedAtMs);
    return { id, orderId, ...deliveryStateOf({ ...state, completedAt }) };
  });
}

interface DeliveryStateRow extends Record<string, unknown> {
  readonly id: string;
  readonly orderId: string;
  readonly status: DeliveryStatus;
  readonly riderId: string | null;
  readonly failReason: string | null;
  readonly completedAtMs: number | null;
}

/** Stores deliveries that wait for a rider; those that are there already stay as they are. */
export function storePending(
  tx: Transaction,
  wanted: readonly NewDelivery[],
  now: Date,
): Promise<readonly DeliveryOfOrder[]> {
  return store(tx, wanted, { status: "PENDING", statusIfKnown: sql`delivery.status`, now });
}

/** Makes deliveries CANCELLED, those that are not there yet too; one that has ended stays as it is. */
export function storeCancelled(
  tx: Transaction,
  wanted: readonly NewDelivery[],
  now: Date,
): Promise<readonly DeliveryOfOrder[]> {
  const statusIfKnown = sql`(case delivery.status when 'PENDING' then 'CANCELLED' else delivery.status end)`;
  return store(tx, wanted, { status: "CANCELLED", statusIfKnown, now });
}

/** Reads deliveries as they have been committed. It locks none. */
export function readDeliveries(db: Pick<Statements, "select">, ids: readonly string[]): Promise<DeliveryRow[]> {
  return db
    .select()
    .from(delivery)
    .where(sql`${delivery.id} = any(${uuidArray(ids)})`);
}

/** Keeps a delivery from being changed by others, a cancel too, until the transaction ends; it waits for those who have locked it. */
export async function lockDelivery(tx: Transaction, id: string): Promise<void> {
  await tx.execute(sql`select from delivery where id = ${id} for no key update`);
}

export interface DeliveryStateChange {
  readonly before: DeliveryRow;
  readonly after: DeliveryRow;
}

/**
 * Changes how deliveries stand, and writes the messages that tell of it, in one statement. It locks in the order of the ids, so that no two such statements wait
 * for each other, and waits for nobody: one that another transaction has locked stays as it is, and so does one that does not
 * stand any more as it did when the change was decided, and their messages are not written.
 * @param insertMessages makes the insert of the messages, given a query for the ids of the deliveries that were changed
 * @param entries of the audit trail, by the ids of the deliveries: the only thing for which it waits, until others who append have committed
 * @returns the ids of those that were changed
 */
export async function changeDeliveryStates(
  db: Statements,
  changes: readonly DeliveryStateChange[],
  insertMessages: (changed: SQL) => SQL,
  entries: readonly AuditEntryAbout[] = [],
): Promise<ReadonlySet<string>> {
  const rows = changes.map(({ before, after }) => {
    const { id, status, riderId, failReason, completedAt, updatedAt } = after;
    return {
      id,
      wasStatus: before.status,
      wasRider: before.riderId,
      status,
      riderId,
      failReason,
      completedAt,
      updatedAt,
    };
  });
  const ids = uuidArray(rows.map(({ id }) => id));
  const isChanged = sql`select id from changed`;
  const audited = entries.length === 0 ? sql`` : sql`, audited as (${insertAuditEntriesAbout(entries, isChanged)})`;
  const changed = await db.execute<{ id: string }>(sql`
    with free as materialized (
      select id from delivery where id = any(${ids}) order by id for no key update skip locked),
    changed as (
      update delivery set status = wanted.status, rider_id = wanted."riderId", fail_reason = wanted."failReason",
        completed_at = wanted."completedAt", updated_at = wanted."updatedAt"
      from json_to_recordset(${jsonRows(rows)}) as wanted(id uuid, "wasStatus" text, "wasRider" uuid,
        status text, "riderId" uuid, "failReason" text, "completedAt" timestamptz, "updatedAt" timestamptz)
      where delivery.id = any(${ids}) and delivery.id = wanted.id and delivery.id in (select id from free)
        and delivery.status = wanted."wasStatus" and delivery.rider_id is not distinct from wanted."wasRider"
      returning delivery.id),
    told as (${insertMessages(isChanged)})${audited}
    select id from changed`);
  return new Set(changed.map(({ id }) => id));
}

/** @param customerId only of this customer's orders, or of anyone's */
export async function findDelivery(
  db: ReadDatabase,
  id: string,
  customerId: string | undefined,
): Promise<Delivery | undefined> {
  const [row] = await db
    .select()
    .from(delivery)
    .where(and(eq(delivery.id, id), ofCustomer(customerId)));
  return row && toDelivery(row);
}

export interface DeliveriesToList {
  /** Only of this customer's orders, or of everyone's. */
  readonly customerId?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  readonly orderId?: string | undefined;
  readonly span: Span;
  readonly limit: number;
}

/**
 * Deliveries, in the order of a span: UUIDv7 sorts by time. Of one status, or of one order, they are read in this order from an index; a
 * customer's of every status are the first of each, put together.
 */
export async function listDeliveries(db: ReadDatabase, wanted: DeliveriesToList): Promise<readonly Delivery[]> {
  return (await deliveryRows(db, wanted)).map(toDelivery);
}

/** By what deliveries are looked for that no index serves. */
export interface RiderFilter {
  readonly riderId?: string | undefined;
  /** Part of the reason that a rider gave, in upper or lower case. */
  readonly failReason?: string | undefined;
}

/** A page of deliveries by what no index serves. */
export async function lookForDeliveries(db: ReadDatabase, wanted: DeliveriesToList, filter: RiderFilter) {
  const [rider, reason] = [filter.riderId?.toLowerCase(), filter.failReason?.toLowerCase()];
  const isWanted = ({ riderId, failReason }: DeliveryRow) =>
    (rider ?? riderId) === riderId && (reason === undefined || (failReason?.toLowerCase().includes(reason) ?? false));
  const page = await lookThrough(wanted, isWanted, (span, limit) => deliveryRows(db, { ...wanted, span, limit }));
  return { ...page, items: page.items.map(toDelivery) };
}

async function deliveryRows(db: ReadDatabase, wanted: DeliveriesToList): Promise<readonly DeliveryRow[]> {
  const { customerId, orderId, span, limit } = wanted;
  const page = ({ where, orderBy }: ReturnType<typeof spanWhere>) =>
    db
      .select()
      .from(delivery)
      .where(where)
      .orderBy(...orderBy)
      .limit(limit);
  const all = spanWhere([], delivery.id, span);
  const ofStatus = (status: DeliveryStatus) => {
    const byCustomer = customerId === undefined ? [] : [[delivery.customerId, customerId] as const];
    return page(spanWhere([...byCustomer, [delivery.status, status]], delivery.id, span));
  };
  let rows: readonly DeliveryRow[];
  if (orderId !== undefined) {
    // One at most: to look for it by anything else as well could only mislead the planner.
    const [found] = await db.select().from(delivery).where(eq(delivery.orderId, orderId));
    const isWanted =
      (customerId ?? found?.customerId) === found?.customerId && (wanted.status ?? found?.status) === found?.status;
    rows = found && isWanted && isInSpan(found.id, span) ? [found] : [];
  } else if (wanted.status !== undefined) rows = await ofStatus(wanted.status);
  else if (customerId !== undefined) {
    const { PENDING, COMPLETE, CANCELLED, FAILED } = DeliveryStatus.enum;
    rows = await unionAll(ofStatus(PENDING), ofStatus(COMPLETE), ofStatus(CANCELLED), ofStatus(FAILED))
      .orderBy(byId(delivery.id, span))
      .limit(limit);
  } else rows = await page(all);
  return rows;
}

const ofCustomer = (customerId: string | undefined) =>
  customerId === undefined ? undefined : eq(delivery.customerId, customerId);

/** @throws Error for a row that the table's checks do not allow */
export function deliveryStateOf(
  row: Pick<DeliveryRow, "status" | "riderId" | "completedAt" | "failReason">,
): DeliveryState {
  const { status, riderId, completedAt, failReason } = row;
  if (status === "COMPLETE" && riderId !== null && completedAt !== null) return { status, riderId, completedAt };
  if (status === "FAILED" && riderId !== null && failReason !== null) return { status, riderId, failReason };
  if (status === "PENDING" || status === "CANCELLED") return { status, riderId };
  throw new ExplainedError(`a delivery is ${status} without what belongs to that`);
}

export function toDelivery(row: DeliveryRow): Delivery {
  const { id, orderId, status, deliveryAddress, riderId, failReason } = row;
  return {
    ...{ id, orderId, status, deliveryAddress, riderId, failReason },
    createdAt: row.createdAt.toISOString(),
    completedAt: row.completedAt?.toISOString() ?? null,
  };
}

/** How the deliveries of orders stand, those that have one. It locks nothing. */
export async function statusesOf(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<Pick<DeliveryRow, "orderId" | "status">[]> {
  return tx
    .select({ orderId: delivery.orderId, status: delivery.status })
    .from(delivery)
    .where(sql`${delivery.orderId} = any(${uuidArray(orderIds)})`);
}

/** What a bulk operation on deliveries is about, as a condition. By a filter only those that somebody has claimed are meant. */
function meant({ ids, filter = {}, beforeId }: Selection): SQL | undefined {
  if (ids !== undefined) return sql`${delivery.id} = any(${uuidArray(ids)})`;
  const { status, customerId, riderId, from, to } = filter;
  return and(
    lt(delivery.id, beforeId),
    from === undefined ? undefined : gte(delivery.id, firstIdAt(from)),
    to === undefined ? undefined : lt(delivery.id, firstIdAt(to)),
    sql`${delivery.status} = ${status ?? "PENDING"}`,
    ofCustomer(customerId),
    riderId === undefined ? isNotNull(delivery.riderId) : eq(delivery.riderId, riderId),
  );
}

/** How many deliveries a selection means, counted up to `atMost`. */
export async function countMeant(db: ReadDatabase, selection: Selection, atMost: number): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from (select from delivery where ${meant(selection)} limit ${atMost}) as counted`,
  );
  return row?.count ?? 0;
}

/** The next deliveries of a selection, in the order of their ids. */
export async function nextMeant(
  db: ReadDatabase,
  selection: Selection,
  afterId: string | null,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .select({ id: delivery.id })
    .from(delivery)
    .where(and(meant(selection), afterId === null ? undefined : gt(delivery.id, afterId)))
    .orderBy(asc(delivery.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Reads deliveries and keeps them from being changed until the transaction ends. They are locked in the order of their orders' ids, as messages lock them. */
export async function lockForRelease(tx: Transaction, ids: readonly string[]): Promise<readonly DeliveryRow[]> {
  return tx
    .select()
    .from(delivery)
    .where(sql`${delivery.id} = any(${uuidArray(ids)})`)
    .orderBy(asc(delivery.orderId))
    .for("no key update");
}

/** Gives deliveries back to all riders. They are locked. */
export async function releaseClaims(tx: Transaction, ids: readonly string[], now: Date): Promise<void> {
  await tx
    .update(delivery)
    .set({ riderId: null, updatedAt: now })
    .where(sql`${delivery.id} = any(${uuidArray(ids)})`);
}
