import type { Transaction } from "@shop/database/connect";
import { jsonRows } from "@shop/database/rows";
import { type SQL, sql } from "drizzle-orm";
import type { Order } from "@shop/contracts/http/order";
import { orders } from "./schema.ts";
import { toOrder, type OrderRow } from "./orders.ts";

export interface KeyOfCustomer {
  readonly customerId: string;
  readonly key: string;
}

export interface UsedKey {
  readonly bodyHash: string;
  /** The order that was placed with it, as it was answered then. */
  readonly order: Order;
}

export const nameOfKey = ({ customerId, key }: KeyOfCustomer) => `${customerId} ${key}`;

const keyRows = (keys: readonly KeyOfCustomer[]): SQL =>
  sql`json_to_recordset(${jsonRows(keys.map(({ customerId, key }) => ({ customerId, key })))}) as wanted("customerId" uuid, key text)`;

/** Finds those keys that orders have been placed with, by `nameOfKey`. */
export async function findUsedKeys(
  tx: Transaction,
  keys: readonly KeyOfCustomer[],
): Promise<ReadonlyMap<string, UsedKey>> {
  if (keys.length === 0) return new Map();
  const rows = await tx
    .select({ order: orders, key: sql<string>`used.key`, bodyHash: sql<string>`used.body_hash` })
    .from(keyRows(keys))
    .innerJoin(sql`idempotency_key as used`, sql`used.customer_id = wanted."customerId" and used.key = wanted.key`)
    .innerJoin(orders, sql`${orders.id} = used.order_id`);
  return new Map(
    rows.map(({ order, key, bodyHash }) => [
      nameOfKey({ customerId: order.customerId, key }),
      { bodyHash, order: asPlaced(order) },
    ]),
  );
}

/** An order as it was when it had just been placed. */
function asPlaced(row: OrderRow): Order {
  return toOrder({ ...row, status: "PENDING", progress: "CREATED", cancelReason: null, updatedAt: row.createdAt });
}

export interface NewKey extends KeyOfCustomer {
  readonly bodyHash: string;
  readonly orderId: string;
  readonly createdAt: Date;
}

/**
 * Writes keys that nobody has used yet; a twin in another transaction is waited for.
 * @returns the names of the keys that are ours now; for the others somebody was first
 */
export async function takeKeys(tx: Transaction, keys: readonly NewKey[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  // In one order for everyone, so that two transactions never wait for each other's keys.
  const sorted = keys.toSorted((a, b) => (nameOfKey(a) < nameOfKey(b) ? -1 : 1));
  const taken = await tx.execute<{ customer_id: string; key: string }>(sql`
    insert into idempotency_key (customer_id, key, body_hash, order_id, created_at)
    select "customerId", key, "bodyHash", "orderId", "createdAt" from json_to_recordset(${jsonRows(sorted)})
      as r("customerId" uuid, key text, "bodyHash" text, "orderId" uuid, "createdAt" timestamptz)
    on conflict do nothing returning customer_id, key`);
  return new Set(taken.map(({ customer_id, key }) => nameOfKey({ customerId: customer_id, key })));
}
