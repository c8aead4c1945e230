import type { OrderProgress } from "@shop/contracts/http/order";
import type { Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { sql } from "drizzle-orm";
import { progressOrder } from "../domain/progress.ts";

export interface ProgressNews {
  readonly orderId: string;
  readonly progress: OrderProgress;
}

/** Notes how far orders have come, for their customers. It never goes backwards, and an order that has ended stays as it is. */
export async function noteProgress(tx: Transaction, news: readonly ProgressNews[], now: Date): Promise<void> {
  const words = sql`${`{${progressOrder.join(",")}}`}::text[]`;
  await tx.execute(sql`
    with locked as (
      select id from orders where id = any(${uuidArray(news.map(({ orderId }) => orderId))}) and status = 'PENDING'
      order by id for no key update)
    update orders set progress = r.progress, updated_at = ${now.toISOString()}
    from locked join json_to_recordset(${jsonRows(news)}) as r("orderId" uuid, progress text) on locked.id = r."orderId"
    where orders.id = locked.id and array_position(${words}, r.progress) > array_position(${words}, orders.progress)`);
}
