import type { Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import { type SQL, sql } from "drizzle-orm";

/** How long rows are kept after they have done their work, in milliseconds. */
export interface Retention {
  /** Sent outbox rows: they can be sent again if the broker loses its data. */
  readonly sentOutboxMs: number;
  /** Inbox rows: longer than Kafka keeps records (7 days by default), or a full replay would be applied again. */
  readonly inboxMs: number;
}

export const defaultRetention: Retention = { sentOutboxMs: 3 * 24 * 3_600_000, inboxMs: 14 * 24 * 3_600_000 };

const PURGE_INTERVAL_MS = 60_000;
/** A process that ends by a message is started again within minutes, and ends again. */
const DEADLY_MS = 24 * 3_600_000;
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
  const before = (ms: number) => new Date(clock.now() - ms).toISOString();

  async function deleteInChunks(statement: () => SQL): Promise<void> {
    while (!signal.aborted) {
      const deleted = await db.execute(statement());
      if (deleted.count < CHUNK) return;
    }
  }

  while (!signal.aborted) {
    try {
      await deleteInChunks(
        () => sql`delete from outbox where id in (
          select id from outbox where sent_at < ${before(retention.sentOutboxMs)} order by id limit ${CHUNK})`,
      );
      await deleteInChunks(
        () => sql`delete from inbox where message_id in (
          select message_id from inbox where handled_at < ${before(retention.inboxMs)} limit ${CHUNK})`,
      );
      await deleteInChunks(
        () => sql`delete from deadly_message where message_id in (
          select message_id from deadly_message where last_at < ${before(DEADLY_MS)} limit ${CHUNK})`,
      );
    } catch (error) {
      logger.warn("old outbox and inbox rows could not be purged; it is tried again in a minute", { error });
    }
    await clock.sleep(PURGE_INTERVAL_MS, signal);
  }
}
