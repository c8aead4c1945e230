import { type SQL, sql } from "drizzle-orm";

/** What a statement of the audit selects: how many rows its `part` has, and their sums by product. @param sums selects `productId` and `total` */
export const partSums = (sums: SQL) =>
  sql`(select count(*)::int from part) as rows, (select json_agg(sums) from (${sums}) as sums) as sums`;

/** A range of transaction ids that a statement reads. */
interface Between {
  /** The snapshot of the last round. */
  readonly last: string;
  /** No transaction of this database that is seen has this id or a greater one. */
  readonly end: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/**
 * The statement that reads what reservations of the transactions in a range have changed. Ids beyond the present are of the cluster that a
 * dump came from: such rows were counted when it was restored.
 */
export const heldBetween = ({ last, end, from, to }: Between): SQL => sql`
  with part as (
    select status, items, decided_in from reservation
    where changed_in >= ${from}::bigint and changed_in < ${to}::bigint and not ${isSeen(sql`changed_in`, last)})
  select null as last, ${partSums(sql`
    select item."productId", sum(item.quantity * ((status = 'TAKEN')::int
      - (decided_in is null or decided_in >= ${end}::bigint or ${isSeen(sql`decided_in`, last)})::int))::float8 as total
    from part, jsonb_to_recordset(items) as item("productId" uuid, quantity int) group by 1`)}`;

/** As `heldBetween`, of stock changes. */
export const broughtInBetween = ({ last, from, to }: Between): SQL => sql`
  with part as (
    select product_id, delta from stock_change
    where made_in >= ${from}::bigint and made_in < ${to}::bigint and not ${isSeen(sql`made_in`, last)})
  select null as last, ${partSums(sql`
    select product_id as "productId", sum(delta)::float8 as total from part group by 1`)}`;

const isSeen = (transaction: SQL, snapshot: string) =>
  sql`pg_visible_in_snapshot(${transaction}::text::xid8, ${snapshot}::pg_snapshot)`;
