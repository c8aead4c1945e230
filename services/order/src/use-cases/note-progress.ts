import type { OrderMilestone } from "@shop/contracts/http/order";
import type { Transaction } from "@shop/database/connect";
import { jsonValue, statement, uuidsValue } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { sql } from "drizzle-orm";
import { changesWith } from "../db/orders.ts";
import { meaningOf, milestoneOrder } from "../domain/milestones.ts";

export interface ProgressNews {
  readonly orderId: string;
  readonly milestone: OrderMilestone;
}

const milestones = sql.raw(`'{${milestoneOrder.join(",")}}'::text[]`);

const note = statement<never, "ids" | "news" | "now">(
  (value) => sql`
    with locked as (
      select id from orders where id = any(${value("ids")}::uuid[]) and status = 'PENDING'
      order by id for no key update)
    update orders set progress = r.progress, tell_again_at = null, updated_at = ${value("now")}::timestamptz,
      changes = ${changesWith(sql`r.milestone`, value("now"))}
    from locked join json_to_recordset(${value("news")}::json) as r("orderId" uuid, milestone text, progress text)
      on locked.id = r."orderId"
    where orders.id = locked.id and array_position(${milestones}, r.milestone) >
      array_position(${milestones}, coalesce(orders.changes -> -1 ->> 'type', orders.progress))`,
);

/**
 * Notes how far orders have come, for their customers. It never goes backwards, and an order that has ended stays as it is. The transaction
 * goes on meanwhile.
 */
export function noteProgress(tx: Transaction, news: readonly ProgressNews[], now: Date): void {
  const rows = news.map(({ orderId, milestone }) => ({ orderId, milestone, progress: meaningOf[milestone].progress }));
  const ids = uuidsValue(news.map(({ orderId }) => orderId));
  alongside(tx, note(tx, { ids, news: jsonValue(rows), now: now.toISOString() }));
}
