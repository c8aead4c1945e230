import type { DecreaseRefusal } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { jsonValue, statement } from "@shop/database/statement";
import { lockWithoutWaiting } from "@shop/database/locks";
import { and, eq, sql } from "drizzle-orm";
import type { Item, ReservationStatus } from "../domain/stock.ts";
import { reservation, thisTransaction } from "./schema.ts";

/** Locks the reservations of orders, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeReservations = (tx: Transaction, orderIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`reservation`, column: sql`reservation.order_id` }, orderIds);

export interface NewReservation {
  readonly orderId: string;
  readonly status: ReservationStatus;
  readonly items: readonly Item[];
}

export interface Reservation extends NewReservation {
  readonly refusal: DecreaseRefusal | null;
  /** Whether it was written just now, not by an earlier message. */
  readonly isNew: boolean;
}

// The empty update is what locks a row that is there and returns it. PostgreSQL leaves `xmax` at 0 only on a row that is new.
const claim = statement<Reservation & Record<string, unknown>, "wanted" | "now">(
  (value) => sql`
    insert into reservation (order_id, status, items, decided_at)
    select "orderId", status, items, ${value("now")}
    from json_to_recordset(${value("wanted")}::json) as wanted("orderId" uuid, status text, items jsonb)
    order by "orderId"
    on conflict (order_id) do update set order_id = excluded.order_id
    returning order_id as "orderId", status, refusal, items, xmax = 0 as "isNew"`,
);

/**
 * Writes reservations, or finds those that the orders have already, and keeps them from being changed by others until the transaction ends.
 * This is one statement, in the order of the orders' ids, so that no two transactions wait for each other.
 * @returns by order id
 */
export async function claimReservations(
  tx: Transaction,
  wanted: readonly NewReservation[],
  now: Date,
): Promise<ReadonlyMap<string, Reservation>> {
  const rows = await claim(tx, { wanted: jsonValue(wanted), now: now.toISOString() });
  return new Map(rows.map((row) => [row.orderId, row]));
}

export interface RefusedReservation {
  readonly orderId: string;
  readonly reason: DecreaseRefusal;
}

/** Turns reservations that were claimed as TAKEN in this transaction to REFUSED. */
export async function refuseReservations(tx: Transaction, refused: readonly RefusedReservation[]): Promise<void> {
  if (refused.length === 0) return;
  await tx.execute(sql`
    update reservation set status = 'REFUSED', refusal = refused.reason, items = '[]'
    from json_to_recordset(${jsonRows(refused)}) as refused("orderId" uuid, reason text)
    where order_id = refused."orderId" and order_id = any(${uuidArray(refused.map(({ orderId }) => orderId))})`);
}

/** Notes that orders gave back what they had taken; what that was stays on record. */
export async function returnReservations(tx: Transaction, orderIds: readonly string[], now: Date): Promise<void> {
  if (orderIds.length === 0) return;
  await tx.execute(sql`
    update reservation set status = 'RETURNED', returned_at = ${now.toISOString()}, changed_in = ${thisTransaction}
    where order_id = any(${uuidArray(orderIds)})`);
}

/** The products of which orders hold stock. */
export async function productsHeldBy(tx: Transaction, orderIds: readonly string[]): Promise<readonly string[]> {
  const rows = await tx.execute<{ productId: string }>(sql`
    select distinct item."productId" from reservation, jsonb_to_recordset(items) as item("productId" uuid)
    where order_id = any(${uuidArray(orderIds)}) and status = 'TAKEN'`);
  return rows.map(({ productId }) => productId);
}

/** What orders hold, as far as they hold anything. It locks nothing. */
export async function heldByOrders(
  tx: Transaction,
  orderIds: readonly string[],
): Promise<{ readonly orderId: string; readonly items: Item[] }[]> {
  return tx
    .select({ orderId: reservation.orderId, items: reservation.items })
    .from(reservation)
    .where(and(eq(reservation.status, "TAKEN"), sql`${reservation.orderId} = any(${uuidArray(orderIds)})`));
}
