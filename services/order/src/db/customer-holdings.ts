import type { Transaction } from "@shop/database/connect";
import { statement, uuidsValue } from "@shop/database/statement";
import { sql } from "drizzle-orm";

/** What a customer holds: orders that have not ended, and the units of goods in them. */
export interface Holding {
  readonly orders: number;
  readonly units: number;
}

/** As many of a customer's newest orders are looked at: what is still open beyond them does not count. */
export const LOOKED_AT = 1_000;

const lockCustomers = statement<never, "ids">(
  (value) => sql`
    select pg_advisory_xact_lock(hash)
    from (select distinct hashtextextended(id::text, 5310029) as hash from unnest(${value("ids")}::uuid[]) as id order by hash) as one`,
);

const readHoldingRows = statement<{ customer_id: string; orders: number; units: number }, "ids">(
  (value) => sql`
    select customer.id as customer_id, count(newest.units)::int as orders, coalesce(sum(newest.units), 0)::float8 as units
    from unnest(${value("ids")}::uuid[]) as customer(id)
    cross join lateral (
      select case when status = 'PENDING' then (select sum((item ->> 'quantity')::int) from json_array_elements(items) as item) end as units
      from orders where customer_id = customer.id order by id desc limit ${sql.raw(String(LOOKED_AT))}) as newest
    group by customer.id`,
);

/**
 * What customers hold, as of now, and until the transaction ends nobody else places an order of theirs who asks here as well: so two who place at
 * once cannot both take what is left of a limit. Both statements are sent at once. Customers are locked in one order, and before anything else of the
 * transaction, so no two transactions wait for each other in a circle.
 */
export async function lockHoldings(
  tx: Transaction,
  customerIds: readonly string[],
): Promise<ReadonlyMap<string, Holding>> {
  const ids = uuidsValue(customerIds);
  // A statement of its own: what the second one sees is as of its own beginning, when the lock is held.
  const [, rows] = await Promise.all([lockCustomers(tx, { ids }), readHoldingRows(tx, { ids })]);
  return new Map(rows.map(({ customer_id, orders, units }) => [customer_id, { orders, units }]));
}
