import { eventually } from "@shop/testing/eventually";
import type { Servers } from "./servers.ts";

interface CompletedOrder {
  readonly id: string;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
}

interface Copied {
  readonly database: string;
  readonly table: string;
  /** Which rows of the table belong to the order that is copied; it is `$1`. */
  readonly of: string;
  /** SQL of the columns that differ in the copy number `n`. */
  readonly differs: Readonly<Record<string, string>>;
  /** Columns that the table fills itself. */
  readonly without?: readonly string[];
}

/** UUIDs of version 7 in the order of their numbers, older than any that is made today. */
const idOf = (kind: number) =>
  `('018f' || lpad(to_hex(n), 8, '0') || '7000800${kind}' || lpad(to_hex(n), 12, '0'))::uuid`;
const ORDER = idOf(0);
const SAGA = idOf(1);
const DELIVERY = idOf(2);
const CURRENT = "pg_current_xact_id()::text::bigint";

/** Rows of one statement. */
const PART = 50_000;

const COPIED: readonly Copied[] = [
  { database: "order", table: "orders", of: "id = $1", differs: { id: ORDER } },
  { database: "order", table: "order_search", of: "order_id = $1", differs: { order_id: ORDER } },
  {
    ...{ database: "order", table: "outbox", of: "key = $1::text and payload->>'type' = 'OrderCreated'" },
    differs: { key: `${ORDER}::text` },
    without: ["id"],
  },
  {
    ...{ database: "product", table: "reservation", of: "order_id = $1" },
    differs: { order_id: ORDER, decided_in: CURRENT, changed_in: CURRENT },
  },
  { database: "delivery", table: "delivery", of: "order_id = $1", differs: { id: DELIVERY, order_id: ORDER } },
  { database: "orchestrator", table: "saga", of: "order_id = $1", differs: { id: SAGA, order_id: ORDER } },
  {
    ...{ database: "orchestrator", table: "saga_history" },
    of: "saga_id = (select id from saga where order_id = $1)",
    differs: { saga_id: SAGA },
  },
];

/**
 * Adds finished orders to the tables of the product: copies of one that was completed, with ids of their own, and the stock that they took, so that
 * the books still balance.
 * @param count at most 16,000,000
 * @throws when no order was completed yet
 */
export async function addFinishedOrders(servers: Pick<Servers, "connect">, count: number): Promise<void> {
  const order = await eventually(() => completedOrder(servers), { deadlineMs: 60_000, pauseMs: 500 });
  for (const { database, table, of, differs, without = [] } of COPIED) {
    const sql = servers.connect(database);
    const columns = await sql<{ name: string }[]>`
      select column_name as name from information_schema.columns
      where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER'`;
    const names = columns.map(({ name }) => name).filter((name) => !without.includes(name));
    const values = names.map((name) => differs[name] ?? `t."${name}"`);
    // In parts: a transaction may not write outbox rows of more bytes than a part has.
    for (let from = 1; from <= count; from += PART) {
      const to = Math.min(count, from + PART - 1);
      await sql.unsafe(
        `insert into ${table} (${names.map((name) => `"${name}"`).join(", ")})
         select ${values.join(", ")} from (select * from ${table} where ${of}) t, generate_series(${from}, ${to}) n`,
        [order.id],
      );
    }
    await sql.unsafe(`vacuum analyze ${table}`);
  }
  const product = servers.connect("product");
  for (const { productId, quantity } of order.items) {
    const taken = quantity * count;
    await product.begin((tx) => [
      tx`update product set taken = taken + ${taken} where id = ${productId}`,
      tx`insert into stock_change (product_id, delta, changed_at) values (${productId}, ${taken}, now())`,
    ]);
  }
}

/** One that was completed, and whose words are in the search by now. */
async function completedOrder({ connect }: Pick<Servers, "connect">): Promise<CompletedOrder> {
  const [order] = await connect("order")<CompletedOrder[]>`
    select id, items from orders where status = 'COMPLETE' and exists (select from order_search where order_id = orders.id) limit 1`;
  if (order === undefined) throw new Error("no order was completed that could be copied");
  return order;
}
