import type { Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import { every } from "@shop/runtime/every";
import type { Logger } from "@shop/runtime/logger";
import { type SQL, sql } from "drizzle-orm";

/** How long rows are kept after they have done their work, in milliseconds. */
export interface Retention {
  /** Sent outbox rows: they can be sent again if the broker loses its data. */
  readonly sentOutboxMs: number;
  /** Inbox rows: longer than Kafka keeps records (7 days by default), or a full replay would be applied again. */
  readonly inboxMs: number;
  /** Dead letters that have been settled: longer than Kafka keeps records, so that one that comes again is not kept again. */
  readonly settledDeadLetterMs: number;
}

const DAY_MS = 24 * 3_600_000;

export const defaultRetention: Retention = {
  sentOutboxMs: 3 * DAY_MS,
  inboxMs: 14 * DAY_MS,
  settledDeadLetterMs: 30 * DAY_MS,
};

const PURGE_INTERVAL_MS = 60_000;
/** A process that a message crashes is started again within minutes, and crashes again. What else was in flight counts for ten minutes. */
const POISON_MS = 24 * 3_600_000;
const CRASHED_MS = 3_600_000;
/** A delete's size: small enough that it never holds up the work beside it. */
const CHUNK = 5_000;

interface PurgeOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retention: Retention;
}

/** Deletes, once a minute and in small steps, what the retention has run out for. Runs until `signal` is aborted. */
export async function purgeUntil(signal: AbortSignal, { db, clock, logger, retention }: PurgeOptions): Promise<void> {
  /** The rows' ages are the database's own: a process whose clock is wrong must not take all of them for old. */
  const before = (ms: number) => sql`now() - make_interval(secs => ${ms / 1_000})`;

  const steps: readonly SQL[] = [
    // Only the first rows are looked at: where none of them is old enough, no later one is, and a table of three days is long.
    sql`delete from outbox where id in (
      select id from (select id, sent_at from outbox order by id limit ${CHUNK}) as first
      where sent_at < ${before(retention.sentOutboxMs)})`,
    // A message may be among the dead letters and applied all the same, when it came again. Replayed, however late, it must be found here.
    sql`delete from inbox where message_id in (
      select message_id from inbox where handled_at < ${before(retention.inboxMs)}
        and message_id not in (select message_id from dead_letter where replayed_at is null and message_id is not null)
      limit ${CHUNK})`,
    sql`delete from dead_letter where id in (
      select id from dead_letter where replayed_at < ${before(retention.settledDeadLetterMs)} limit ${CHUNK})`,
    sql`delete from in_flight where (process, retry) in (
      select process, retry from in_flight
      where crashed_at < ${before(POISON_MS)} or (crashed_at < ${before(CRASHED_MS)} and message_id is null)
      limit ${CHUNK})`,
  ];

  /** Goes on for as long as most of a chunk goes. */
  async function deleteInChunks(statement: SQL): Promise<void> {
    while (!signal.aborted && (await db.execute(statement)).count > CHUNK / 2);
  }
  const onFailure = (error: unknown) =>
    logger.warn("MESSAGING_PURGE_FAILED", "old outbox and inbox rows could not be purged; retrying in a minute", {
      error,
    });

  await every(
    PURGE_INTERVAL_MS,
    { clock, signal },
    async () => {
      for (const step of steps) await deleteInChunks(step).catch(onFailure);
    },
    onFailure,
  );
}
