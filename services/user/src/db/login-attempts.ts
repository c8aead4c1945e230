import type { Database } from "@shop/database/connect";
import { lte, sql } from "drizzle-orm";
import { loginAttempts, loginFailures, secondFactors, sessions, users } from "./schema.ts";
import type { StoredUser } from "./users.ts";

/** What is known of a name that somebody wants to log in with. */
export interface LoginCandidate {
  /** Undefined when nobody has this name. */
  readonly user: StoredUser | undefined;
  /** Whether the user's second factor is active; undefined when they have none, nor have begun one. */
  readonly hasSecondFactor: boolean | undefined;
  /** Whether the user has a session that has not ended. */
  readonly hasSession: boolean;
  /** When the name was tried recently without success so far, the newest first; at most as many as close it. */
  readonly attempts: readonly Date[];
}

/** Reads all that a login needs to know before a password is compared, in one statement, whether the name exists or not. */
export async function findLoginCandidate(db: Database, username: string, now: Date): Promise<LoginCandidate> {
  const [row] = await db
    .select({
      user: users,
      secondFactorOf: secondFactors.userId,
      activatedAt: secondFactors.activatedAt,
      attemptedAt: loginAttempts.attemptedAt,
      hasSession: sql<boolean>`exists (
        select from ${sessions} where ${sessions.userId} = ${users.id} and ${sessions.expiresAt} > ${now.toISOString()})`,
    })
    .from(sql`(select ${username}::text as name) as asked`)
    .leftJoin(users, sql`${users.username} = asked.name`)
    .leftJoin(secondFactors, sql`${secondFactors.userId} = ${users.id}`)
    .leftJoin(loginAttempts, sql`${loginAttempts.username} = asked.name`);
  return {
    user: row?.user ?? undefined,
    hasSecondFactor: row?.secondFactorOf ? row.activatedAt !== null : undefined,
    hasSession: row?.hasSession ?? false,
    attempts: (row?.attemptedAt ?? []).toReversed(),
  };
}

interface Attempt {
  readonly username: string;
  readonly at: Date;
}

/**
 * Counts an attempt for a name, unless `max` were made after `since`. It counts as a failure from here on, until it is known to be none: so of all
 * who try at once, at any number of replicas, no more than `max` are let in. The row of the name is locked, which makes count and note one.
 * @returns whether it was counted
 */
export async function noteLoginAttempt(
  db: Database,
  { username, at }: Attempt,
  { since, max }: { readonly since: Date; readonly max: number },
): Promise<boolean> {
  const recent = sql`(
    select coalesce(array_agg(each order by each), '{}') from unnest(known.attempted_at) as each
    where each > ${since.toISOString()})`;
  const noted = await db.execute(sql`
    insert into login_attempts as known (username, attempted_at, newest_at)
    values (${username}, array[${at.toISOString()}::timestamptz], ${at.toISOString()})
    on conflict (username) do update set
      attempted_at = ${recent} || excluded.attempted_at,
      newest_at = greatest(known.newest_at, excluded.newest_at)
    where cardinality(${recent}) < ${max}
    returning 1`);
  return noted.length === 1;
}

/** Removes one attempt: its password was right. Of several at the same moment any will do, since nothing tells them apart. */
export async function forgetLoginAttempt(db: Database, { username, at }: Attempt): Promise<void> {
  const place = sql`array_position(attempted_at, ${at.toISOString()}::timestamptz)`;
  await db.execute(sql`
    update login_attempts set attempted_at = attempted_at[:${place} - 1] || attempted_at[${place} + 1:]
    where username = ${username} and ${place} is not null`);
}

/** Deletes what was tried up to this moment, together with what replicas of the last release have noted in their own table. */
export async function deleteLoginAttempts(db: Database, upTo: Date): Promise<void> {
  await db.delete(loginAttempts).where(lte(loginAttempts.newestAt, upTo));
  await db.delete(loginFailures).where(lte(loginFailures.failedAt, upTo));
}
