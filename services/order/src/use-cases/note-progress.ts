import type { OrderProgress } from "@shop/contracts/http/order";
import type { Transaction } from "@shop/database/connect";
import { uuidArray } from "@shop/database/rows";
import { inArray, sql } from "drizzle-orm";
import { orders } from "../db/schema.ts";
import { progressRank } from "../domain/progress.ts";

/** Notes how far orders have come, for their customers. It never goes backwards, and an order that has ended stays as it is. */
export async function noteProgress(
  tx: Transaction,
  orderIds: readonly string[],
  progress: OrderProgress,
  now: Date,
): Promise<void> {
  const lesser = (Object.keys(progressRank) as OrderProgress[]).filter(
    (word) => progressRank[word] < progressRank[progress],
  );
  await tx.execute(sql`
    with locked as (
      select id from orders
      where id = any(${uuidArray(orderIds)}) and status = 'PENDING' and ${inArray(orders.progress, lesser)}
      order by id for update)
    update orders set progress = ${progress}, updated_at = ${now.toISOString()} from locked where orders.id = locked.id`);
}
