import { ERASED } from "@shop/contracts/primitives";
import { eraseMessages } from "@shop/messaging/erase-messages";
import type { EraseCustomer } from "@shop/service/erase-customer";
import { sql } from "drizzle-orm";

/** Sagas that have ended stay with their history, without the address that they were told. One in flight keeps it, since its commands repeat it. */
export const eraseCustomer: EraseCustomer = async (tx, customerId) => {
  const ended = await tx.execute<{ orderId: string }>(sql`
    update saga set data = jsonb_set(data, '{deliveryAddress}', to_jsonb(${ERASED}::text))
    where data ->> 'customerId' = ${customerId} and status in ('COMPLETE', 'CANCELLED') returning order_id as "orderId"`);
  const [running] = await tx.execute<{ sagas: number }>(sql`
    select count(*)::int as sagas from saga
    where data ->> 'customerId' = ${customerId} and status not in ('COMPLETE', 'CANCELLED')`);
  const unsent = await eraseMessages(
    tx,
    ended.map(({ orderId }) => orderId),
  );
  return { erased: ended.length, left: (running?.sagas ?? 0) + unsent };
};
