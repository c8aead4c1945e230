import type { EraseCustomer } from "@shop/service/erase-customer";
import { ExplainedError } from "@shop/runtime/errors";
import { sql } from "drizzle-orm";

/**
 * Deletes the account of a customer with its sessions, second factor and one-time code. Riders and admins are refused: what they did is other
 * people's record. What the audit trail says of the customer stays until its retention ends.
 */
export const eraseCustomer: EraseCustomer = async (tx, customerId) => {
  const [user] = await tx.execute<{ username: string; role: string; mail_address: string | null }>(sql`
    select username, role, mail_address from users where id = ${customerId} for update`);
  if (user === undefined) return { erased: 0, left: 0 };
  if (user.role !== "customer") throw new ExplainedError(`${customerId} is no customer but has the role ${user.role}`);
  await tx.execute(sql`delete from login_attempts where username = ${user.username}`);
  await tx.execute(sql`delete from login_failures where username = ${user.username}`);
  await tx.execute(sql`delete from mail_to_send where to_address = ${user.mail_address}`);
  await tx.execute(sql`delete from users where id = ${customerId}`);
  return { erased: 1, left: 0 };
};
