import type { OrderMilestone } from "@shop/contracts/http/order";
import type { Transaction } from "@shop/database/connect";
import { jsonValue, statement, uuidsValue } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { sql } from "drizzle-orm";
import { changesWith } from "../db/orders.ts";
import { insertForWebhooks } from "../db/webhook-deliveries.ts";
import { meaningOf, milestoneOrder } from "../domain/milestones.ts";

export interface ProgressUpdate {
  readonly orderId: string;
  readonly milestone: OrderMilestone;
  /** The delivery that was created, for this milestone. */
  readonly deliveryId?: string | undefined;
}

const milestones = sql.raw(`'{${milestoneOrder.join(",")}}'::text[]`);

const updateRows = statement<never, "ids" | "updates" | "now">(
  (value) => sql`
    with locked as (
      select id from orders where id = any(${value("ids")}::uuid[]) and status = 'PENDING'
      order by id for no key update),
    moved as (
    update orders set progress = r.progress, republish_at = null, updated_at = ${value("now")}::timestamptz,
      changes = ${changesWith(sql`r.milestone`, value("now"))}
    from locked join json_to_recordset(${value("updates")}::json) as r("orderId" uuid, milestone text, progress text, "deliveryId" uuid)
      on locked.id = r."orderId"
    where orders.id = locked.id and array_position(${milestones}, r.milestone) >
      -- One that only a newer release knows holds up none that this release hears of.
      coalesce(array_position(${milestones}, coalesce(orders.changes -> -1 ->> 'type', orders.progress)), 0)
    returning orders.id as order_id, r."deliveryId" as delivery_id)
    ${insertForWebhooks({
      type: sql`'delivery.created'`,
      at: value("now"),
      changed: sql`select order_id, delivery_id from moved where delivery_id is not null`,
    })}`,
);

/**
 * Updates the progress shown to customers. It never goes backwards, and an order that has ended stays as it is. The transaction
 * continues meanwhile.
 */
export function updateProgress(tx: Transaction, updates: readonly ProgressUpdate[], now: Date): void {
  const rows = updates.map(({ orderId, milestone, deliveryId }) => ({
    orderId,
    milestone,
    deliveryId,
    progress: meaningOf(milestone).progress,
  }));
  const ids = uuidsValue(updates.map(({ orderId }) => orderId));
  alongside(tx, updateRows(tx, { ids, updates: jsonValue(rows), now: now.toISOString() }));
}
