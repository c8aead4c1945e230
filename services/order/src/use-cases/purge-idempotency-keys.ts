import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import { sql } from "drizzle-orm";

/** How long an idempotency key is kept, in milliseconds: the contract's 24 hours. */
const KEPT_MS = 24 * 3_600_000;
const INTERVAL_MS = 60_000;
/** A delete's size: small enough that it never holds up the work beside it, nor takes too long after a long stop. */
const CHUNK = 5_000;

/** Forgets idempotency keys once a minute when their time is over. Runs until `signal` is aborted. */
export async function purgeIdempotencyKeys({ db, clock, logger }: ServiceContext, signal: AbortSignal): Promise<void> {
  await every(
    INTERVAL_MS,
    { clock, signal },
    async () => {
      const before = new Date(clock.now() - KEPT_MS).toISOString();
      for (let deleted = CHUNK; deleted === CHUNK && !signal.aborted;) {
        const { count } = await db.execute(sql`
          delete from idempotency_key where (customer_id, key) in (
            select customer_id, key from idempotency_key where created_at < ${before} limit ${CHUNK})`);
        deleted = count;
      }
    },
    (error) =>
      logger.warn("IDEMPOTENCY_PURGE_FAILED", "old idempotency keys could not be purged; retrying in a minute", {
        error,
      }),
  );
}
