import { ADVISORY_LOCKS } from "@shop/database/advisory-locks";
import { desc, lt, lte, ne, sql } from "drizzle-orm";
import type { Database, Transaction } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { type PrivateJwk, signingKeys } from "./schema.ts";

export interface StoredSigningKey {
  readonly kid: string;
  readonly privateJwk: PrivateJwk;
  readonly createdAt: Date;
}

/**
 * The stored keys, the newest first. When there is none, `create` makes the first one; replicas that start together wait
 * for each other, so that all sign with the same.
 */
export function loadOrCreateSigningKeys(
  db: Database,
  create: () => Promise<StoredSigningKey>,
): Promise<readonly StoredSigningKey[]> {
  return inTransaction(db, async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${ADVISORY_LOCKS.signingKeys})`);
    const stored = await tx.select().from(signingKeys).orderBy(desc(signingKeys.createdAt));
    if (stored.length > 0) return stored;
    const first = await create();
    await tx.insert(signingKeys).values(first);
    return [first];
  });
}

/**
 * Stores a further key.
 * @param withdrawOthers whether all older ones are deleted in the same moment
 * @returns the ids of those that were
 */
export async function addSigningKey(
  tx: Transaction,
  key: StoredSigningKey,
  { withdrawOthers }: { readonly withdrawOthers: boolean },
): Promise<readonly string[]> {
  await tx.execute(sql`select pg_advisory_xact_lock(${ADVISORY_LOCKS.signingKeys})`);
  await tx.insert(signingKeys).values(key);
  if (!withdrawOthers) return [];
  const withdrawn = await tx.delete(signingKeys).where(ne(signingKeys.kid, key.kid)).returning();
  return withdrawn.map(({ kid }) => kid);
}

/** Deletes the keys that are older than the newest one of `since` or before. */
export async function deleteSupersededSigningKeys(db: Database, since: Date): Promise<void> {
  const successor = db
    .select({ createdAt: sql`max(${signingKeys.createdAt})` })
    .from(signingKeys)
    .where(lte(signingKeys.createdAt, since));
  await db.delete(signingKeys).where(lt(signingKeys.createdAt, successor));
}
