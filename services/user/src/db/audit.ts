import type { AuditAction, AuditEntry } from "@shop/contracts/http/audit";
import type { Role } from "@shop/contracts/http/define";
import { appendAuditEntry, type AuditOrigin, type AuditRow } from "@shop/database/audit-trail";
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

/** What the system does, or an operator beside it. */
export const bySystem: AuditOrigin = { actor: undefined, requestId: undefined, userAgent: undefined };

/** Appends an act to the audit trail: the last statement of its transaction, see `appendAuditEntry`. */
export function audit(
  { clock, ids }: { readonly clock: Clock; readonly ids: IdSource },
  tx: Transaction,
  { origin, subjectId, type = "user", ...act }: AuditedAct,
): Promise<void> {
  const subject = { type, id: subjectId };
  return appendAuditEntry(tx, { id: ids(), at: new Date(clock.now()), subject, ...origin, ...act });
}

export function shownAuditEntry(row: AuditRow): AuditEntry {
  const { id, seq, at, actorId, actorRole, subjectType, subjectId, requestId, userAgent } = row;
  return {
    ...{ id, service: "user", seq, at: at.toISOString(), requestId, userAgent },
    // All of it was written by `audit`.
    action: row.action as AuditAction,
    actor: actorId === null ? null : { id: actorId, role: actorRole as Role },
    subject: { type: subjectType, id: subjectId },
    before: row.before as AuditEntry["before"],
    after: row.after as AuditEntry["after"],
    previousHash: row.previousHash.toString("hex"),
    hash: row.hash.toString("hex"),
  };
}
