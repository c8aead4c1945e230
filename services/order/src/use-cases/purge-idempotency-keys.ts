import type { ServiceContext } from "@shop/service/context";
import { lt } from "drizzle-orm";
import { idempotencyKey } from "../db/schema.ts";

/** How long an idempotency key is kept, in milliseconds: the contract's 24 hours. */
const KEPT_MS = 24 * 3_600_000;
const INTERVAL_MS = 60_000;

/** Forgets idempotency keys once a minute when their time is over. Runs until `signal` is aborted. */
export async function purgeIdempotencyKeys({ db, clock, logger }: ServiceContext, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await db.delete(idempotencyKey).where(lt(idempotencyKey.createdAt, new Date(clock.now() - KEPT_MS)));
    } catch (error) {
      logger.warn("old idempotency keys could not be purged; it is tried again in a minute", { error });
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}
