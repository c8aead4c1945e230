import type { Database } from "@shop/database/connect";
import { jsonRows } from "@shop/database/rows";
import { sql } from "drizzle-orm";

/** How many tokens of a bucket are asked for. */
export interface LeaseRequest {
  readonly key: string;
  readonly wanted: number;
}

export interface Lease {
  /** Whole tokens, at most as many as were wanted. */
  readonly granted: number;
  /** Whole tokens that are left in the bucket. */
  readonly left: number;
}

/** A bucket's rate, and what it holds when it is full. */
export interface BucketSize {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * Takes tokens from buckets, as far as they are there; a bucket that is not there is full. Time is the database's own, so replicas whose clocks
 * differ agree. Rows are locked in the order of their keys: no two calls wait for each other in a circle.
 */
export async function takeTokens(
  db: Pick<Database, "execute">,
  requests: readonly LeaseRequest[],
  { perSecond, burst }: BucketSize,
): Promise<ReadonlyMap<string, Lease>> {
  // Another replica's statement may have begun later and been committed before: its time stays.
  const seconds = sql`extract(epoch from greatest(excluded.refilled_at - bucket.refilled_at, interval '0'))`;
  const available = sql`least(${burst}::float8, bucket.tokens + ${seconds}::float8 * ${perSecond}::float8)`;
  // What is wanted comes in the column `granted`.
  const granted = sql`least(excluded.granted, floor(${available}))`;
  const rows = await db.execute<{ key: string; granted: number; left: number }>(sql`
    insert into rate_bucket as bucket (key, tokens, refilled_at, granted)
    select key, ${burst}::float8 - least(wanted, ${burst}::int), statement_timestamp(), least(wanted, ${burst}::int)
    from json_to_recordset(${jsonRows(requests)}) as request(key text, wanted int) order by key
    on conflict (key) do update set
      tokens = ${available} - ${granted}, granted = ${granted}, refilled_at = greatest(bucket.refilled_at, excluded.refilled_at)
    returning key, granted, floor(tokens)::float8 as left`);
  return new Map(rows.map(({ key, granted: given, left }) => [key, { granted: given, left }]));
}

/** Forgets buckets that have been full for a minute. @param fullAfterSeconds how long an empty bucket of the slowest rate needs */
export async function deleteFullBuckets(db: Pick<Database, "execute">, fullAfterSeconds: number): Promise<void> {
  const seconds = fullAfterSeconds + 60;
  await db.execute(sql`delete from rate_bucket where refilled_at < now() - make_interval(secs => ${seconds}::float8)`);
}
