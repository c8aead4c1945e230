import type { ServiceName } from "@shop/contracts/services";
import { verifyAuditTrail } from "@shop/database/audit-trail";
import type { MigrationSet } from "@shop/database/migrate";
import { ExplainedError } from "@shop/runtime/errors";
import { runOnce } from "./run-once.ts";

/**
 * Computes a service's audit trail again, logs how many entries it has and the hash of the newest one, and leaves with 0; or with 1 when an entry was
 * changed or removed. That its end was cut off shows when the newest entry is compared with one that was logged before.
 * @throws ConfigError
 */
export function runAuditVerification(
  { name, migrations }: { readonly name: ServiceName; readonly migrations: readonly MigrationSet[] },
  environment: Readonly<Record<string, string | undefined>>,
): void {
  runOnce(
    {
      ...{ name, migrations, migrates: false },
      failure: { event: "AUDIT_TRAIL_BROKEN", sentence: "the audit trail was changed" },
      async work({ db, logger }) {
        const { entries, head, brokenAt } = await verifyAuditTrail(db);
        if (brokenAt !== undefined)
          throw new ExplainedError(`entry ${brokenAt} was changed, or an entry before it was changed or removed`);
        logger.info("AUDIT_TRAIL_INTACT", "the audit trail is intact", { entries, head });
      },
    },
    environment,
  );
}
