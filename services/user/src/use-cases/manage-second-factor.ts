import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashOneTimeCode, newOneTimeCode } from "../credentials/one-time-code.ts";
import { newTotpSecret, shownTotpSecret, totpUri } from "../credentials/one-time-password.ts";
import { audit } from "../db/audit.ts";
import { deleteSecondFactor, lockSecondFactor, replaceRecoveryCodes, storeSecondFactor } from "../db/second-factors.ts";
import { endSessionsOf } from "../db/sessions.ts";
import { findUser } from "../db/users.ts";
import { isAdminNow } from "./change-user.ts";
import { countedGuess, type Credentials, provePassword } from "./prove-password.ts";
import { spendSecondFactor } from "./spend-second-factor.ts";

/** How many recovery codes a user gets. */
const RECOVERY_CODES = 10;

type PasswordNeeded =
  | { readonly kind: "refused"; readonly code: "WRONG_PASSWORD" | "ACCOUNT_DISABLED" | "INVALID_SECOND_FACTOR" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };
type BeginResult =
  | PasswordNeeded
  | { readonly kind: "refused"; readonly code: "SECOND_FACTOR_ACTIVE" }
  | { readonly kind: "begun"; readonly secret: string; readonly uri: string };

/** Gives who has the password the secret of a second factor. It is asked for once a code of it was used. */
export async function beginSecondFactor(
  context: UserContext,
  credentials: Credentials,
  origin: AuditOrigin,
): Promise<BeginResult> {
  const proof = await provePassword(context, credentials, origin, "password only");
  if (proof.kind === "refused") return withoutSession(proof);
  const { id: userId, username, disabledAt } = proof.user;
  if (disabledAt !== null) return { kind: "refused", code: "ACCOUNT_DISABLED" };
  return inTransactionOn(context.db, userId, async (tx): Promise<BeginResult> => {
    const known = await lockSecondFactor(tx, userId);
    if (known !== undefined && known.activatedAt !== null) return { kind: "refused", code: "SECOND_FACTOR_ACTIVE" };
    const secret = newTotpSecret();
    await storeSecondFactor(tx, { userId, secret });
    return {
      kind: "begun",
      secret: shownTotpSecret(secret),
      uri: totpUri(secret, { issuer: context.issuer, username }),
    };
  });
}

/** Removes one's own second factor. */
export async function removeSecondFactor(
  context: UserContext,
  credentials: Credentials & { readonly secondFactor: string },
  origin: AuditOrigin,
): Promise<PasswordNeeded | { readonly kind: "removed" }> {
  const proof = await provePassword(context, credentials, origin, "second factor");
  if (proof.kind === "refused") return withoutSession(proof);
  const { id: userId, disabledAt } = proof.user;
  if (disabledAt !== null) return { kind: "refused", code: "ACCOUNT_DISABLED" };
  if (!proof.hasSecondFactor) return { kind: "refused", code: "INVALID_SECOND_FACTOR" };
  await inTransactionOn(context.db, userId, async (tx) => {
    if (!(await deleteSecondFactor(tx, userId))) return;
    await audit(context, tx, { action: "SECOND_FACTOR_REMOVED", origin, subjectId: userId });
  });
  return { kind: "removed" };
}

type Refusal = Extract<Awaited<ReturnType<typeof provePassword>>, { readonly kind: "refused" }>;

/** A call without a session answers a wrong password as one with a session does: its 401 would say that the session has ended. */
function withoutSession(refusal: Refusal): PasswordNeeded {
  switch (refusal.code) {
    case "TOO_MANY_FAILED_LOGINS":
      return refusal;
    case "INVALID_CREDENTIALS":
      return { kind: "refused", code: "WRONG_PASSWORD" };
    case "SECOND_FACTOR_REQUIRED":
    case "INVALID_SECOND_FACTOR":
      return { kind: "refused", code: "INVALID_SECOND_FACTOR" };
  }
}

type RenewResult =
  | { readonly kind: "renewed"; readonly recoveryCodes: readonly string[] }
  | { readonly kind: "refused"; readonly code: "UNAUTHENTICATED" | "INVALID_SECOND_FACTOR" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };

/** Gives recovery codes to who has a code of the app; guesses count as failed logins. */
export async function renewRecoveryCodes(
  context: UserContext,
  { userId, secondFactor }: { readonly userId: string; readonly secondFactor: string },
  origin: AuditOrigin,
): Promise<RenewResult> {
  const user = await findUser(context.db, userId);
  if (user === undefined || user.disabledAt !== null) return { kind: "refused", code: "UNAUTHENTICATED" };
  const codes = Array.from({ length: RECOVERY_CODES }, newOneTimeCode);
  const guess = await countedGuess(context, user.username, () =>
    inTransactionOn(context.db, userId, async (tx) => {
      if (!(await spendSecondFactor(context, tx, { userId, code: secondFactor, origin }))) return false;
      await replaceRecoveryCodes(tx, userId, codes.map(hashOneTimeCode));
      await audit(context, tx, { action: "RECOVERY_CODES_RENEWED", origin, subjectId: userId });
      return true;
    }),
  );
  if (guess.outcome === "closed") return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs: guess.waitMs };
  if (guess.outcome === "wrong") return { kind: "refused", code: "INVALID_SECOND_FACTOR" };
  return { kind: "renewed", recoveryCodes: codes };
}

/** Removes the second factor of a user who has lost it. @returns why not, if it was not */
export async function resetSecondFactor(
  context: UserContext,
  userId: string,
  origin: AuditOrigin,
): Promise<"FORBIDDEN" | "NOT_FOUND" | undefined> {
  return inTransactionOn(context.db, userId, async (tx) => {
    if (!(await isAdminNow(tx, origin))) return "FORBIDDEN";
    if (!(await deleteSecondFactor(tx, userId))) return "NOT_FOUND";
    const after = { endedSessions: await endSessionsOf(tx, userId) };
    await audit(context, tx, { action: "SECOND_FACTOR_REMOVED", origin, subjectId: userId, after });
    return undefined;
  });
}
