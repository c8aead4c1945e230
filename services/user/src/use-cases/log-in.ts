import type { TokenPair } from "@shop/contracts/http/user";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransaction, inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashRefreshToken, newFamilyKey, newRefreshToken } from "../credentials/refresh-token.ts";
import { audit } from "../db/audit.ts";
import { findUser } from "../db/users.ts";
import { insertSession, UserChangedError } from "../db/sessions.ts";
import { type Credentials, type PasswordRefusal, provePassword } from "./prove-password.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

type LogInResult =
  | PasswordRefusal
  | { readonly kind: "refused"; readonly code: "ACCOUNT_DISABLED" | "SECOND_FACTOR_SETUP_REQUIRED" }
  | { readonly kind: "loggedIn"; readonly tokens: TokenPair };

/** Opens a session for who has the password. */
export async function logIn(context: UserContext, credentials: Credentials, origin: AuditOrigin): Promise<LogInResult> {
  const { db, clock, ids } = context;
  const proof = await provePassword(context, credentials, origin, "second factor");
  if (proof.kind === "refused") return proof;
  const { user } = proof;
  if (user.disabledAt !== null) return refuse(context, user.id, origin, "ACCOUNT_DISABLED");
  if (!proof.hasSecondFactor && context.needsSecondFactor(user.role))
    return refuse(context, user.id, origin, "SECOND_FACTOR_SETUP_REQUIRED");
  const [sessionId, familyKey] = [ids(), newFamilyKey()];
  const refreshToken = newRefreshToken({ sessionId, key: familyKey });
  const nowMs = clock.now();
  const { passwordHash } = user;
  const session = {
    userId: user.id,
    passwordHash,
    createdAt: new Date(nowMs),
    familyKey,
    userAgent: shortened(origin.userAgent),
  };
  const token = {
    sessionId,
    tokenHash: hashRefreshToken(refreshToken),
    expiresAt: new Date(nowMs + REFRESH_TOKEN_LIFE_MS),
  };
  const actor = { id: user.id, role: user.role };
  const act = { action: "LOGIN_SUCCEEDED", origin: { ...origin, actor }, subjectId: user.id } as const;
  try {
    await inTransactionOn(db, user.id, async (tx) => {
      // All of it is sent without waiting for an answer in between.
      await Promise.all([insertSession(tx, session, token), audit(context, tx, act)]);
    });
  } catch (error) {
    if (error instanceof UserChangedError) return refuseChanged(context, user.id, origin);
    throw error;
  }
  return {
    kind: "loggedIn",
    tokens: await tokenPair(context, { id: user.id, role: user.role, sessionId }, refreshToken),
  };
}

/** Of a name that a program gives itself, in characters. */
const LONGEST_USER_AGENT = 300;

const shortened = (userAgent: string | undefined) => userAgent?.slice(0, LONGEST_USER_AGENT).toWellFormed() ?? null;

/** The password was right when it was compared: it is so no more, or the user was disabled. */
async function refuseChanged(context: UserContext, userId: string, origin: AuditOrigin): Promise<LogInResult> {
  const user = await findUser(context.db, userId);
  if (user !== undefined && user.disabledAt !== null) return refuse(context, userId, origin, "ACCOUNT_DISABLED");
  await inTransaction(context.db, (tx) => audit(context, tx, { action: "LOGIN_FAILED", origin, subjectId: userId }));
  return { kind: "refused", code: "INVALID_CREDENTIALS" };
}

/** Refuses who has the password, for a reason that they are told. */
async function refuse(
  context: UserContext,
  userId: string,
  origin: AuditOrigin,
  code: "ACCOUNT_DISABLED" | "SECOND_FACTOR_SETUP_REQUIRED",
): Promise<LogInResult> {
  const act = { action: "LOGIN_FAILED", origin, subjectId: userId, after: { reason: code } } as const;
  await inTransaction(context.db, (tx) => audit(context, tx, act));
  return { kind: "refused", code };
}
