import type { Database, Transaction } from "@shop/database/connect";
import { sql } from "drizzle-orm";

/** How soon the first message of a blocked key is retried, in milliseconds; from then on after as long again as it has failed. */
export const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 600_000;

/** When a message that has failed since `failedAt` is retried, both in milliseconds since the epoch. */
export function nextRetryAt(failedAt: number, now: number): number {
  return now + Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, now - failedAt));
}

const textArray = (texts: readonly string[]) =>
  sql`array(select json_array_elements_text(${JSON.stringify(texts)}::json))`;

/** Whether a retry is due. One that lies further ahead than any is scheduled is due, too: the clock has been set back since. */
export const isDue = (retryAt: number, now: number): boolean => retryAt <= now || retryAt > now + LAST_RETRY_MS;

/**
 * Makes anyone who parks messages of these keys, or releases them, wait for the end of `tx`: otherwise a message could be parked
 * behind one that has just been handled, and would never be released.
 */
export async function lockKeys(tx: Transaction, keys: readonly string[]): Promise<void> {
  await tx.execute(sql`
    select pg_advisory_xact_lock(hash) from (
      select distinct hashtextextended(key, 0) as hash from unnest(${textArray(keys)}) as given(key) order by hash) as hashes`);
}

/** The blocked keys among these. */
export async function stillBlocked(tx: Transaction, keys: readonly string[]): Promise<readonly string[]> {
  const rows = await tx.execute<{ key: string }>(sql`
    select distinct key from dead_letter where key = any(${textArray(keys)}) and blocks_key and replayed_at is null`);
  return rows.map(({ key }) => key);
}

/** The keys whose first message is due, as `isDue` says, at `now` in milliseconds since the epoch; longest overdue first. */
export async function keysDue(db: Database, now: number, limit: number): Promise<readonly string[]> {
  const [due, furthest] = [now, now + LAST_RETRY_MS].map((ms) => new Date(ms).toISOString());
  const rows = await db.execute<{ key: string }>(sql`
    select key from dead_letter where blocks_key and replayed_at is null and (retry_at <= ${due} or retry_at > ${furthest})
    group by key order by min(retry_at) limit ${limit}`);
  return rows.map(({ key }) => key);
}
