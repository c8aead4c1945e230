import type { UserContext } from "../context.ts";
import { inTransactionOn } from "@shop/database/transaction";
import { hashRefreshToken, isOfFamily, sessionNamedIn } from "../credentials/refresh-token.ts";
import { endSession, lockSession, sessionOfToken } from "../db/sessions.ts";

/** Ends the session that a refresh token belongs to, also with a spent one; an unknown one changes nothing. */
export async function logOut({ db }: UserContext, refreshToken: string): Promise<void> {
  const tokenHash = hashRefreshToken(refreshToken);
  await inTransactionOn(db, tokenHash.toString("hex"), async (tx) => {
    const sessionId = await sessionOfToken(tx, tokenHash);
    if (sessionId !== undefined) return endSession(tx, sessionId);
    // Spent long ago: its row is gone.
    const named = sessionNamedIn(refreshToken);
    const session = named === undefined ? undefined : await lockSession(tx, named);
    if (named === undefined || !session?.familyKey) return;
    if (isOfFamily(refreshToken, { sessionId: named, key: session.familyKey })) await endSession(tx, named);
  });
}
