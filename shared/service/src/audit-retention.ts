import { deleteAuditEntries } from "@shop/database/audit-trail";
import { every } from "@shop/runtime/every";
import type { ServiceContext } from "./context.ts";

const DAY_MS = 24 * 3_600_000;
const EVERY_MS = 3_600_000;

/** Deletes, once an hour, entries of the audit trail beyond their days; none when no number of days is given. Runs until `signal` is aborted. */
export async function purgeAuditTrail(
  { db, clock, logger }: Pick<ServiceContext, "db" | "clock" | "logger">,
  signal: AbortSignal,
  days: number | undefined,
): Promise<void> {
  if (days === undefined) return;
  await every(
    EVERY_MS,
    { clock, signal },
    () => deleteAuditEntries(db, new Date(clock.now() - days * DAY_MS)),
    (error) =>
      logger.warn(
        "AUDIT_TRAIL_PURGE_FAILED",
        "old entries of the audit trail could not be deleted; retrying in an hour",
        { error },
      ),
  );
}
