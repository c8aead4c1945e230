import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { endSessionOf, endSessionsOf } from "../db/sessions.ts";

interface SessionToEnd {
  readonly userId: string;
  readonly sessionId: string;
}

/** Ends one session of a user. @returns false when they have none with this id */
export async function endOwnSession(
  context: UserContext,
  { userId, sessionId }: SessionToEnd,
  origin: AuditOrigin,
): Promise<boolean> {
  return inTransactionOn(context.db, userId, async (tx) => {
    if (!(await endSessionOf(tx, userId, sessionId))) return false;
    const after = { endedSession: sessionId };
    await audit(context, tx, { action: "SESSIONS_ENDED", origin, subjectId: userId, after });
    return true;
  });
}

/** Ends all sessions of a user. */
export async function endOwnSessions(context: UserContext, userId: string, origin: AuditOrigin): Promise<void> {
  await inTransactionOn(context.db, userId, async (tx) => {
    const endedSessions = await endSessionsOf(tx, userId);
    if (endedSessions === 0) return;
    await audit(context, tx, { action: "SESSIONS_ENDED", origin, subjectId: userId, after: { endedSessions } });
  });
}
