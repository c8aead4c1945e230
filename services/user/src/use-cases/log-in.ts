import type { TokenPair } from "@shop/contracts/http/user";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashRefreshToken, newFamilyKey, newRefreshToken } from "../credentials/refresh-token.ts";
import { audit } from "../db/audit.ts";
import { insertSession } from "../db/sessions.ts";
import { type Credentials, type PasswordRefusal, provePassword } from "./prove-password.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

type LogInResult = PasswordRefusal | { readonly kind: "loggedIn"; readonly tokens: TokenPair };

/** Opens a session for who has the password. */
export async function logIn(context: UserContext, credentials: Credentials, origin: AuditOrigin): Promise<LogInResult> {
  const { db, clock, ids } = context;
  const proof = await provePassword(context, credentials, origin);
  if (proof.kind === "refused") return proof;
  const { user } = proof;
  const [sessionId, familyKey] = [ids(), newFamilyKey()];
  const refreshToken = newRefreshToken({ sessionId, key: familyKey });
  const nowMs = clock.now();
  const session = { userId: user.id, createdAt: new Date(nowMs), familyKey };
  const token = {
    sessionId,
    tokenHash: hashRefreshToken(refreshToken),
    expiresAt: new Date(nowMs + REFRESH_TOKEN_LIFE_MS),
  };
  await inTransactionOn(db, user.id, async (tx) => {
    const stored = insertSession(tx, session, token);
    // Sent behind the session's statements without waiting for their answers.
    const actor = { id: user.id, role: user.role };
    await Promise.all([
      stored,
      audit(context, tx, { action: "LOGIN_SUCCEEDED", origin: { ...origin, actor }, subjectId: user.id }),
    ]);
  });
  return { kind: "loggedIn", tokens: await tokenPair(context, user, refreshToken) };
}
