import type { Transaction } from "@shop/database/connect";
import { uuidArray } from "@shop/database/rows";
import { sql } from "drizzle-orm";

/**
 * Deletes what the messages of orders that have ended still say: those that were sent, and those that could not be handled, with their key.
 * A broker that loses its data is not told of them again, which orders that have ended do not need.
 * @returns how many messages of these orders have not been sent yet, and are left
 */
export async function eraseMessages(tx: Transaction, orderIds: readonly string[]): Promise<number> {
  const keys = sql`${uuidArray(orderIds)}::text[]`;
  await tx.execute(sql`delete from outbox where sent_at is not null and key = any(${keys})`);
  await tx.execute(sql`delete from dead_letter where key = any(${keys})`);
  const [left] = await tx.execute<{ unsent: number }>(sql`
    select count(*)::int as unsent from outbox where sent_at is null and key = any(${keys})`);
  return left?.unsent ?? 0;
}
