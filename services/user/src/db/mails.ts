import type { Database, Transaction } from "@shop/database/connect";
import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import { mailToSend } from "./schema.ts";

export type StoredMail = typeof mailToSend.$inferSelect;
export type NewMail = Pick<StoredMail, "id" | "toAddress" | "subject" | "body" | "expiresAt">;

/** Keeps a mail to be sent from now on, if the transaction is committed. */
export async function storeMail(tx: Transaction, mail: NewMail, now: Date): Promise<void> {
  await tx.insert(mailToSend).values({ ...mail, nextAttemptAt: now });
}

/**
 * Takes the mail that is due for the longest, and puts it off until `nextAttemptAt`: so no other replica sends it meanwhile, and one whose process
 * crashes is sent later.
 * @returns it with this attempt counted; undefined when none is due
 */
export async function claimMail(
  db: Database,
  now: Date,
  nextAttemptAt: (attempts: number) => Date,
): Promise<StoredMail | undefined> {
  return db.transaction(async (tx) => {
    const [due] = await tx
      .select()
      .from(mailToSend)
      .where(and(lte(mailToSend.nextAttemptAt, now), gt(mailToSend.expiresAt, now)))
      .orderBy(asc(mailToSend.nextAttemptAt))
      .limit(1)
      .for("update", { skipLocked: true });
    if (due === undefined) return undefined;
    const attempts = due.attempts + 1;
    await tx
      .update(mailToSend)
      .set({ attempts, nextAttemptAt: nextAttemptAt(attempts) })
      .where(eq(mailToSend.id, due.id));
    return { ...due, attempts };
  });
}

/** Forgets a mail that was sent, or never can be. */
export async function deleteMail(db: Database, id: string): Promise<void> {
  await db.delete(mailToSend).where(eq(mailToSend.id, id));
}

/** Forgets the mails of a user's address that are of no use any more. @returns how many had not been sent */
export async function deleteExpiredMails(db: Database, now: Date): Promise<number> {
  const gone = await db
    .delete(mailToSend)
    .where(lte(mailToSend.expiresAt, now))
    .returning({ id: sql`1` });
  return gone.length;
}
