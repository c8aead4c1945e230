import { ERASED } from "@shop/contracts/primitives";
import { eraseMessages } from "@shop/messaging/erase-messages";
import type { EraseCustomer } from "@shop/service/erase-customer";
import { sql } from "drizzle-orm";

/**
 * Orders that have ended stay for the books, without their address and the words by which they are found; keys of repeated calls go. An order that is
 * in flight keeps its address: it is still to be delivered.
 */
export const eraseCustomer: EraseCustomer = async (tx, customerId) => {
  const ended = await tx.execute<{ id: string }>(sql`
    update orders set delivery_address = ${ERASED} where customer_id = ${customerId} and status <> 'PENDING' returning id`);
  const ids = ended.map(({ id }) => id);
  await tx.execute(sql`
    delete from order_search using orders
    where order_search.order_id = orders.id and orders.customer_id = ${customerId} and orders.status <> 'PENDING'`);
  await tx.execute(sql`delete from idempotency_key where customer_id = ${customerId}`);
  const [pending] = await tx.execute<{ orders: number }>(sql`
    select count(*)::int as orders from orders where customer_id = ${customerId} and status = 'PENDING'`);
  return { erased: ids.length, left: (pending?.orders ?? 0) + (await eraseMessages(tx, ids)) };
};
