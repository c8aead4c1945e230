import type { AuditAction } from "@shop/contracts/http/audit";
import { appendAuditEntry, type AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";

/** Something that was done to a user, with their name, or to what all users depend on. */
export interface AuditedAct {
  readonly action: AuditAction;
  readonly origin: AuditOrigin;
  /** A user's id unless `type` says what else; undefined: nobody has the name. */
  readonly subjectId: string | undefined;
  readonly type?: "user" | "signing-key";
  /** Without secrets. */
  readonly before?: object;
  readonly after?: object;
}

/** Appends an act to the audit trail: the last statement of its transaction, see `appendAuditEntry`. */
export function audit(
  { clock, ids }: { readonly clock: Clock; readonly ids: IdSource },
  tx: Transaction,
  { origin, subjectId, type = "user", ...act }: AuditedAct,
): Promise<void> {
  const subject = { type, id: subjectId };
  return appendAuditEntry(tx, { id: ids(), at: new Date(clock.now()), subject, ...origin, ...act });
}
