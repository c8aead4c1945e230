import { ADVISORY_LOCKS } from "@shop/database/advisory-locks";
import type { Role } from "@shop/contracts/http/define";
import { newestWhere } from "@shop/database/rows";
import { and, count, desc, eq, inArray, isNotNull, isNull, like, lt, ne, sql } from "drizzle-orm";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { users } from "./schema.ts";

export type StoredUser = typeof users.$inferSelect;
export type NewUser = typeof users.$inferInsert;

export async function findUser(db: ReadDatabase, id: string): Promise<StoredUser | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

export async function findUserByName(tx: Transaction, username: string): Promise<StoredUser | undefined> {
  const [user] = await tx.select().from(users).where(eq(users.username, username));
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
export async function insertUser(db: Database | Transaction, user: NewUser): Promise<boolean> {
  const inserted = await db.insert(users).values(user).onConflictDoNothing().returning({ id: users.id });
  return inserted.length === 1;
}

export interface UsersToList {
  readonly role?: Role | undefined;
  readonly disabled?: boolean | undefined;
  /** How the name begins: a part of a name that the contract allows. */
  readonly username?: string | undefined;
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** Users, newest first. */
export async function listUsers(db: ReadDatabase, wanted: UsersToList): Promise<readonly StoredUser[]> {
  const { role, disabled, username, afterId, limit } = wanted;
  const ofRole = role === undefined ? undefined : newestWhere([[users.role, role]], users.id, afterId);
  return db
    .select()
    .from(users)
    .where(
      and(
        ofRole?.where ?? (afterId === undefined ? undefined : lt(users.id, afterId)),
        disabled === undefined ? undefined : (disabled ? isNotNull : isNull)(users.disabledAt),
        // An underscore would stand for any character.
        username === undefined ? undefined : like(users.username, `${username.replaceAll("_", String.raw`\_`)}%`),
      ),
    )
    .orderBy(...(ofRole?.orderBy ?? [desc(users.id)]))
    .limit(limit);
}

/** Waits for others who change who is an admin: what is counted of admins stays so until the transaction ends. */
export async function lockAdmins(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${ADVISORY_LOCKS.admins})`);
}

/** How many others there are who can log in as admins. Asked for under `lockAdmins`. */
export async function countOtherAdmins(tx: Transaction, userId: string): Promise<number> {
  const [row] = await tx
    .select({ admins: count() })
    .from(users)
    .where(and(eq(users.role, "admin"), isNull(users.disabledAt), isNotNull(users.passwordHash), ne(users.id, userId)));
  return row?.admins ?? 0;
}

/** Reads a user and keeps them from being changed, and from opening a session, until the transaction ends. */
export async function lockUser(tx: Transaction, id: string): Promise<StoredUser | undefined> {
  const [user] = await tx.select().from(users).where(eq(users.id, id)).for("no key update");
  return user;
}

/** Changes a locked user. */
export async function updateUser(
  tx: Transaction,
  id: string,
  change: Partial<Pick<StoredUser, "role" | "disabledAt" | "passwordHash" | "mailAddress">>,
): Promise<void> {
  await tx.update(users).set(change).where(eq(users.id, id));
}
