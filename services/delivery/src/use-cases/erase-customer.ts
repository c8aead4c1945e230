import { ERASED } from "@shop/contracts/primitives";
import { eraseMessages } from "@shop/messaging/erase-messages";
import type { EraseCustomer } from "@shop/service/erase-customer";
import { sql } from "drizzle-orm";

/** Deliveries that have ended stay, without their address and what a rider wrote about a failure. */
export const eraseCustomer: EraseCustomer = async (tx, customerId) => {
  const ended = await tx.execute<{ orderId: string }>(sql`
    update delivery set delivery_address = ${ERASED}, fail_reason = case when fail_reason is null then null else ${ERASED} end
    where customer_id = ${customerId} and status <> 'PENDING' returning order_id as "orderId"`);
  const [pending] = await tx.execute<{ deliveries: number }>(sql`
    select count(*)::int as deliveries from delivery where customer_id = ${customerId} and status = 'PENDING'`);
  const unsent = await eraseMessages(
    tx,
    ended.map(({ orderId }) => orderId),
  );
  return { erased: ended.length, left: (pending?.deliveries ?? 0) + unsent };
};
