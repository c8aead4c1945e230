import type { OrderStatus } from "@shop/contracts/http/order";
import type { CancelReason } from "@shop/contracts/primitives";
import type { Transaction } from "@shop/database/connect";
import { jsonValue, statement, uuidsValue } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { MessageRefused } from "@shop/messaging/inbox/handlers";
import { sql } from "drizzle-orm";
import { changesWith } from "../db/orders.ts";
import { insertForWebhooks } from "../db/webhook-deliveries.ts";

export interface Ending {
  readonly orderId: string;
  /** Why it is cancelled; null when it is complete. */
  readonly reason: CancelReason | null;
}

const lockStatuses = statement<{ id: string; status: OrderStatus; cancel_reason: CancelReason | null }, "ids">(
  (value) =>
    sql`select id, status, cancel_reason from orders where id = any(${value("ids")}::uuid[]) order by id for update`,
);

const endRows = statement<never, "status" | "endings" | "ids" | "now">(
  (value) => sql`
    with ended as (
      update orders set status = ${value("status")}, progress = ${value("status")}, cancel_reason = r.reason, republish_at = null,
        updated_at = ${value("now")}::timestamptz, changes = ${changesWith(sql`${value("status")}::text`, value("now"))}
      from json_to_recordset(${value("endings")}::json) as r("orderId" uuid, reason text)
      where orders.id = r."orderId" and orders.id = any(${value("ids")}::uuid[])
      returning orders.id)
    ${insertForWebhooks({
      type: sql`case ${value("status")}::text when 'COMPLETE' then 'order.completed' else 'order.cancelled' end`,
      at: value("now"),
      changed: sql`select id as order_id, null::uuid as delivery_id from ended`,
    })}`,
);

/**
 * Ends orders, all as COMPLETE or all as CANCELLED. One that has ended this way before stays as it is. The transaction goes on while they are written.
 * @returns the reason that each cancelled order has, by its id
 * @throws MessageRefused when an order is unknown or has ended the other way, which no saga asks for
 */
export async function endOrders(
  tx: Transaction,
  status: Exclude<OrderStatus, "PENDING">,
  endings: readonly Ending[],
  now: Date,
): Promise<ReadonlyMap<string, CancelReason | null>> {
  const rows = await lockStatuses(tx, { ids: uuidsValue(endings.map(({ orderId }) => orderId)) });
  const known = new Map(rows.map((row) => [row.id, row]));
  const open: Ending[] = [];
  const reasons = new Map<string, CancelReason | null>();
  for (const ending of endings) {
    const row = known.get(ending.orderId);
    if (row === undefined) throw new MessageRefused(`order ${ending.orderId} does not exist`);
    if (row.status === "PENDING") open.push(ending);
    else if (row.status !== status)
      throw new MessageRefused(`order ${ending.orderId} is ${row.status} and cannot become ${status}`);
    reasons.set(ending.orderId, row.status === "PENDING" ? ending.reason : row.cancel_reason);
  }
  if (open.length > 0) {
    const ids = uuidsValue(open.map(({ orderId }) => orderId));
    alongside(tx, endRows(tx, { status, endings: jsonValue(open), ids, now: now.toISOString() }));
  }
  return reasons;
}
