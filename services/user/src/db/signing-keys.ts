import { desc, sql } from "drizzle-orm";
import type { Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { type PrivateJwk, signingKeys } from "./schema.ts";

export interface StoredSigningKey {
  readonly kid: string;
  readonly privateJwk: PrivateJwk;
  readonly createdAt: Date;
}

/** Any number, the same in all replicas. */
const KEY_LOCK = 5_310_027;

/**
 * The stored keys, the newest first. When there is none, `create` makes the first one; replicas that start together wait
 * for each other, so that all sign with the same.
 */
export function loadOrCreateSigningKeys(
  db: Database,
  create: () => Promise<StoredSigningKey>,
): Promise<readonly StoredSigningKey[]> {
  return inTransaction(db, async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${KEY_LOCK})`);
    const stored = await tx.select().from(signingKeys).orderBy(desc(signingKeys.createdAt));
    if (stored.length > 0) return stored;
    const first = await create();
    await tx.insert(signingKeys).values(first);
    return [first];
  });
}
