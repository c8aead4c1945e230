import { eq, inArray } from "drizzle-orm";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { users } from "./schema.ts";

export type StoredUser = typeof users.$inferSelect;

export async function findUser(db: ReadDatabase, id: string): Promise<StoredUser | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

/** @returns those of the names that are taken */
export async function takenNames(db: Database, usernames: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db
    .select({ username: users.username })
    .from(users)
    .where(inArray(users.username, [...usernames]));
  return new Set(rows.map(({ username }) => username));
}

/** @returns false when the name is taken; of two that ask at once, one gets it */
export async function insertUser(db: Database | Transaction, user: StoredUser): Promise<boolean> {
  const inserted = await db.insert(users).values(user).onConflictDoNothing().returning({ id: users.id });
  return inserted.length === 1;
}
