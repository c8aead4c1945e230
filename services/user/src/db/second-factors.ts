import type { Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { and, count, eq } from "drizzle-orm";
import { recoveryCodes, secondFactors } from "./schema.ts";

export type SecondFactor = typeof secondFactors.$inferSelect;

/** Stores the secret of a second factor that is not active yet; an earlier one that was not either ends. */
export async function storeSecondFactor(
  tx: Transaction,
  factor: Pick<SecondFactor, "userId" | "secret">,
): Promise<void> {
  const fresh = { secret: factor.secret, activatedAt: null, lastStep: null };
  await tx
    .insert(secondFactors)
    .values({ ...fresh, ...factor })
    .onConflictDoUpdate({ target: secondFactors.userId, set: fresh });
}

/** Reads a user's second factor and keeps it from being used by others until the transaction ends. */
export async function lockSecondFactor(tx: Transaction, userId: string): Promise<SecondFactor | undefined> {
  const [factor] = await tx.select().from(secondFactors).where(eq(secondFactors.userId, userId)).for("update");
  return factor;
}

/** Notes that the code of a step was used. The second factor must be locked. */
export async function noteStep(
  tx: Transaction,
  userId: string,
  used: { readonly lastStep: number; readonly activatedAt: Date },
): Promise<void> {
  await tx.update(secondFactors).set(used).where(eq(secondFactors.userId, userId));
}

/** @returns whether there was such a code; it is good no more */
export async function spendRecoveryCode(tx: Transaction, userId: string, codeHash: Buffer): Promise<boolean> {
  const own = and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.codeHash, codeHash));
  return (await tx.delete(recoveryCodes).where(own).returning({ userId: recoveryCodes.userId })).length === 1;
}

/** Gives a user recovery codes in the place of those that they have. */
export async function replaceRecoveryCodes(
  tx: Transaction,
  userId: string,
  codeHashes: readonly Buffer[],
): Promise<void> {
  await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
  await tx.insert(recoveryCodes).values(codeHashes.map((codeHash) => ({ userId, codeHash })));
}

/** Removes a user's second factor with its recovery codes. @returns whether there was an active one */
export async function deleteSecondFactor(tx: Transaction, userId: string): Promise<boolean> {
  const [removed] = await tx.delete(secondFactors).where(eq(secondFactors.userId, userId)).returning();
  return removed !== undefined && removed.activatedAt !== null;
}

/** How a user's second factor stands. */
export async function readSecondFactor(
  db: ReadDatabase,
  userId: string,
): Promise<{ readonly isActive: boolean; readonly recoveryCodes: number }> {
  const [row] = await db
    .select({ activatedAt: secondFactors.activatedAt, codes: count(recoveryCodes.userId) })
    .from(secondFactors)
    .leftJoin(recoveryCodes, eq(recoveryCodes.userId, secondFactors.userId))
    .where(eq(secondFactors.userId, userId))
    .groupBy(secondFactors.userId);
  return { isActive: (row?.activatedAt ?? null) !== null, recoveryCodes: row?.codes ?? 0 };
}
