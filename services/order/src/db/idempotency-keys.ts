import type { Transaction } from "@shop/database/connect";
import { jsonValue, statement } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { type Placeholder, sql } from "drizzle-orm";
import type { Order, OrderItem } from "@shop/contracts/http/order";
import { toOrder } from "./orders.ts";

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

interface UsedKeyRow extends Record<string, unknown> {
  readonly key: string;
  readonly bodyHash: string;
  readonly id: string;
  readonly customerId: string;
  readonly items: OrderItem[];
  readonly total: number;
  readonly currency: "KRW";
  readonly deliveryAddress: string;
  readonly createdAtMs: number;
}

// What of an order never changes.
const findUsed = statement<UsedKeyRow, "keys">(
  (value) => sql`
    select used.key, used.body_hash as "bodyHash", orders.id, orders.customer_id as "customerId", orders.items,
      orders.total::float8 as total, orders.currency, orders.delivery_address as "deliveryAddress",
      (extract(epoch from orders.created_at) * 1000)::float8 as "createdAtMs"
    from json_to_recordset(${value("keys")}::json) as wanted("customerId" uuid, key text)
    join idempotency_key as used on used.customer_id = wanted."customerId" and used.key = wanted.key
    join orders on orders.id = used.order_id`,
  { goesWithBegin: true },
);

/** Finds those keys that orders have been placed with, by `nameOfKey`. */
export async function findUsedKeys(
  tx: Transaction,
  keys: readonly KeyOfCustomer[],
): Promise<ReadonlyMap<string, UsedKey>> {
  if (keys.length === 0) return new Map();
  const rows = await findUsed(tx, { keys: jsonValue(keys) });
  return new Map(rows.map((row) => [nameOfKey(row), { bodyHash: row.bodyHash, order: asPlaced(row) }]));
}

/** An order as it was when it had just been placed. */
function asPlaced({ createdAtMs, ...row }: UsedKeyRow): Order {
  const createdAt = new Date(createdAtMs);
  return toOrder({
    ...row,
    status: "PENDING",
    progress: "CREATED",
    cancelReason: null,
    createdAt,
    updatedAt: createdAt,
  });
}

export interface NewKey extends KeyOfCustomer {
  readonly bodyHash: string;
  readonly orderId: string;
  readonly createdAt: Date;
}

const insertion = (keys: Placeholder) => sql`
    insert into idempotency_key (customer_id, key, body_hash, order_id, created_at)
    select "customerId", key, "bodyHash", "orderId", "createdAt" from json_to_recordset(${keys}::json)
      as r("customerId" uuid, key text, "bodyHash" text, "orderId" uuid, "createdAt" timestamptz)`;
const insertRows = statement<never, "keys">((value) => insertion(value("keys")));
const insertFreeRows = statement<KeyOfCustomer & Record<string, unknown>, "keys">(
  (value) => sql`${insertion(value("keys"))} on conflict do nothing returning customer_id as "customerId", key`,
);

/** In one order for everyone, so that two transactions never wait for each other's keys. */
const inOrder = (keys: readonly NewKey[]) => jsonValue(keys.toSorted((a, b) => (nameOfKey(a) < nameOfKey(b) ? -1 : 1)));

/**
 * Writes keys; a twin in another transaction is waited for. The transaction continues meanwhile, and fails with what `isDuplicate` knows when
 * a key has been used.
 * @returns the names of the keys
 */
export function insertKeys(tx: Transaction, keys: readonly NewKey[]): ReadonlySet<string> {
  if (keys.length > 0) alongside(tx, insertRows(tx, { keys: inOrder(keys) }));
  return new Set(keys.map(nameOfKey));
}

/**
 * Writes keys that nobody has used yet; a twin in another transaction is waited for.
 * @returns the names of the keys that are ours now; for the others somebody was first
 */
export async function takeKeys(tx: Transaction, keys: readonly NewKey[]): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  const taken = await insertFreeRows(tx, { keys: inOrder(keys) });
  return new Set(taken.map(nameOfKey));
}
