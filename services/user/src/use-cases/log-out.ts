import type { AuditOrigin } from "@shop/database/audit-trail";
import type { UserContext } from "../context.ts";
import { inTransactionOn } from "@shop/database/transaction";
import { hashRefreshToken, isOfFamily, sessionNamedIn } from "../credentials/refresh-token.ts";
import { audit } from "../db/audit.ts";
import { endSession, lockSession, sessionOfToken } from "../db/sessions.ts";

/** Ends the session that a refresh token belongs to, also with a spent one; an unknown one changes nothing. */
export async function logOut(context: UserContext, refreshToken: string, origin: AuditOrigin): Promise<void> {
  const { db } = context;
  const tokenHash = hashRefreshToken(refreshToken);
  await inTransactionOn(db, tokenHash.toString("hex"), async (tx) => {
    const end = async (sessionId: string) => {
      const userId = await endSession(tx, sessionId);
      if (userId !== undefined) await audit(context, tx, { action: "LOGGED_OUT", origin, subjectId: userId });
    };
    const sessionId = await sessionOfToken(tx, tokenHash);
    if (sessionId !== undefined) return end(sessionId);
    // Spent long ago: its row is gone.
    const named = sessionNamedIn(refreshToken);
    const session = named === undefined ? undefined : await lockSession(tx, named);
    if (named === undefined || !session?.familyKey) return;
    if (isOfFamily(refreshToken, { sessionId: named, key: session.familyKey })) await end(named);
  });
}
