import type { Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { and, eq, gt, lt, sql } from "drizzle-orm";
import type { Database } from "@shop/database/connect";
import { passwordCodes, users } from "./schema.ts";

/** Stores a user's code; an earlier one is good no more. */
export async function storePasswordCode(
  tx: Transaction,
  code: { readonly userId: string; readonly codeHash: Buffer; readonly expiresAt: Date },
): Promise<void> {
  await tx
    .insert(passwordCodes)
    .values(code)
    .onConflictDoUpdate({
      target: passwordCodes.userId,
      set: { codeHash: sql`excluded.code_hash`, expiresAt: sql`excluded.expires_at` },
    });
}

/** @returns the user with this name, if the code is theirs and has not ended */
export async function findUserOfCode(
  db: ReadDatabase,
  { username, codeHash, now }: { readonly username: string; readonly codeHash: Buffer; readonly now: Date },
): Promise<string | undefined> {
  const [found] = await db
    .select({ userId: passwordCodes.userId })
    .from(passwordCodes)
    .innerJoin(users, eq(users.id, passwordCodes.userId))
    .where(and(eq(passwordCodes.codeHash, codeHash), gt(passwordCodes.expiresAt, now), eq(users.username, username)));
  return found?.userId;
}

/** @returns whether the code was still good; of two who use it at once, for one */
export async function spendPasswordCode(
  tx: Transaction,
  { userId, codeHash, now }: { readonly userId: string; readonly codeHash: Buffer; readonly now: Date },
): Promise<boolean> {
  const spent = await tx
    .delete(passwordCodes)
    .where(
      and(eq(passwordCodes.userId, userId), eq(passwordCodes.codeHash, codeHash), gt(passwordCodes.expiresAt, now)),
    )
    .returning({ userId: passwordCodes.userId });
  return spent.length === 1;
}

/** A password that was changed or set makes codes of before worthless. */
export async function deletePasswordCode(tx: Transaction, userId: string): Promise<void> {
  await tx.delete(passwordCodes).where(eq(passwordCodes.userId, userId));
}

export async function deleteExpiredPasswordCodes(db: Database, now: Date): Promise<void> {
  await db.delete(passwordCodes).where(lt(passwordCodes.expiresAt, now));
}
