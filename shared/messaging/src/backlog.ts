import type { Database } from "@shop/database/connect";
import { sql } from "drizzle-orm";

/** What waits in a service's database. */
export interface Backlog {
  /** Messages that the broker has not acknowledged yet. */
  readonly unsent: number;
  /** How long the oldest of them waits. */
  readonly oldestUnsentSeconds: number;
  /** Dead letters that nobody has replayed. */
  readonly deadLetters: number;
}

/**
 * The ages of committed rows are the database's own: no other clock tells when they were written. The first by its id is the oldest but for what
 * transactions overtook, and is found without a look at the others, of which there may be a million.
 */
export const OLDEST_UNSENT_SECONDS = sql`
  coalesce(extract(epoch from now() - (
    select created_at from outbox where sent_at is null order by outbox.id limit 1)), 0)::float8`;

/** Reads it in one statement, as of one moment. Counts end at `atMost`, so that a long backlog does not make this slow as well. */
export async function readBacklog(db: Database, atMost: number): Promise<Backlog> {
  const [row] = await db.execute<{ unsent: number; seconds: number; dead: number }>(sql`
    select
      (select count(*)::int from (select from outbox where sent_at is null limit ${atMost}) as counted) as unsent,
      ${OLDEST_UNSENT_SECONDS} as seconds,
      (select count(*)::int from (select from dead_letter where replayed_at is null limit ${atMost}) as counted) as dead`);
  return { unsent: row?.unsent ?? 0, oldestUnsentSeconds: row?.seconds ?? 0, deadLetters: row?.dead ?? 0 };
}
