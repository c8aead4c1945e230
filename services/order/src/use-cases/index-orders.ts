import { ADVISORY_LOCKS } from "@shop/database/advisory-locks";
import { firstIdAt } from "@shop/contracts/http/page";
import type { Transaction } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { every } from "@shop/runtime/every";
import { timeOfUuidV7 } from "@shop/runtime/ids";
import type { ServiceContext } from "@shop/service/context";
import { sql } from "drizzle-orm";
import { ORDER_TERMS } from "../db/order-terms.ts";

/** How soon an order is found by its words, in milliseconds. */
const INTERVAL_MS = 2_000;
/** Orders may be committed this much later than their ids say, in milliseconds: a statement ends after 15 s. */
const LATE_MS = 20_000;
/** Once in a while, and at the start, it looks further back: clocks of replicas differ. In milliseconds, and in looks. */
const VERY_LATE_MS = 2 * 3_600_000;
const LOOKS_BETWEEN = 1_800;
/** As many orders are indexed in a statement. */
const BATCH = 500;
/** It works at most this part of the time, so that it takes nothing from orders under load. */
const DUTY = 20;

/**
 * Writes the words by which orders are found, beside the transactions that place them. One replica does so at a time. It continues from the newest
 * order that has words, with those that were committed late, and backwards from the oldest until all have theirs. Runs until `signal` is aborted.
 */
export async function indexOrders({ db, clock, logger }: ServiceContext, signal: AbortSignal): Promise<void> {
  let look = 0;
  let indexed = 0;
  await every(
    (tookMs) => (indexed >= BATCH ? Math.min(INTERVAL_MS, tookMs * DUTY) : Math.max(INTERVAL_MS, tookMs * DUTY)),
    { clock, signal },
    async () => {
      const lateMs = look % LOOKS_BETWEEN === 0 ? VERY_LATE_MS : LATE_MS;
      look += 1;
      indexed = 0;
      indexed = await inTransaction(db, (tx) => indexSome(tx, clock.now(), lateMs));
    },
    (error) => logger.warn("ORDER_INDEX_FAILED", "orders could not be indexed for the search; retrying", { error }),
  );
}

/** @returns how many orders were indexed */
async function indexSome(tx: Transaction, now: number, lateMs: number): Promise<number> {
  const [row] = await tx.execute<{ taken: boolean; newest: string | null; oldest: string | null }>(sql`
    select pg_try_advisory_xact_lock(${ADVISORY_LOCKS.orderSearch}) as taken,
      (select order_id from order_search order by order_id desc limit 1) as newest,
      (select order_id from order_search order by order_id limit 1) as oldest`);
  if (row?.taken !== true) return 0;
  const { newest, oldest } = row;
  const newestAt = newest === null ? now : (timeOfUuidV7(newest) ?? now);
  const from = firstIdAt(new Date(Math.max(0, newestAt - lateMs)).toISOString());
  const { count } = await tx.execute(sql`
    insert into order_search (order_id, terms)
    select o.id, ${ORDER_TERMS} from orders o
    where o.id >= ${from}::uuid and not exists (select from order_search s where s.order_id = o.id)
    order by o.id limit ${BATCH} on conflict do nothing`);
  if (count >= BATCH) return count;
  const { count: older } = await tx.execute(sql`
    insert into order_search (order_id, terms)
    select o.id, ${ORDER_TERMS} from orders o
    where o.id < ${oldest ?? from}::uuid order by o.id desc limit ${BATCH} on conflict do nothing`);
  return Math.max(count, older);
}
