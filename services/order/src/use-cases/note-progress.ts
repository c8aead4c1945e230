import type { OrderMilestone } from "@shop/contracts/http/order";
import type { Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { sql } from "drizzle-orm";
import { changesWith } from "../db/orders.ts";
import { meaningOf, milestoneOrder } from "../domain/milestones.ts";

export interface ProgressNews {
  readonly orderId: string;
  readonly milestone: OrderMilestone;
}

/** Notes how far orders have come, for their customers. It never goes backwards, and an order that has ended stays as it is. */
export async function noteProgress(tx: Transaction, news: readonly ProgressNews[], now: Date): Promise<void> {
  const milestones = sql`${`{${milestoneOrder.join(",")}}`}::text[]`;
  const rows = news.map(({ orderId, milestone }) => ({ orderId, milestone, progress: meaningOf[milestone].progress }));
  await tx.execute(sql`
    with locked as (
      select id from orders where id = any(${uuidArray(news.map(({ orderId }) => orderId))}) and status = 'PENDING'
      order by id for no key update)
    update orders set progress = r.progress, tell_again_at = null, updated_at = ${now.toISOString()}, changes = ${changesWith(sql`r.milestone`, now)}
    from locked join json_to_recordset(${jsonRows(rows)}) as r("orderId" uuid, milestone text, progress text)
      on locked.id = r."orderId"
    where orders.id = locked.id and array_position(${milestones}, r.milestone) >
      array_position(${milestones}, coalesce(orders.changes -> -1 ->> 'type', orders.progress))`);
}
