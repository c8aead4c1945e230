import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { deletePasswordCode } from "../db/password-codes.ts";
import { endSessionsOf } from "../db/sessions.ts";
import { findUser, lockUser, updateUser } from "../db/users.ts";
import { weaknessOf } from "../domain/password-rule.ts";
import { provePassword } from "./prove-password.ts";

interface PasswordChange {
  readonly userId: string;
  /** The session that stays. */
  readonly sessionId: string | undefined;
  readonly currentPassword: string;
  readonly newPassword: string;
}

type ChangeResult =
  | { readonly kind: "changed" }
  | { readonly kind: "refused"; readonly code: "UNAUTHENTICATED" | "WRONG_PASSWORD" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number }
  | { readonly kind: "refused"; readonly code: "WEAK_PASSWORD"; readonly reason: string };

/** Changes one's own password: who stole a session cannot, and sessions that others opened with the old one end. */
export async function changePassword(
  context: UserContext,
  { userId, sessionId, currentPassword, newPassword }: PasswordChange,
  origin: AuditOrigin,
): Promise<ChangeResult> {
  const { db, passwords } = context;
  const user = await findUser(db, userId);
  if (user === undefined || user.disabledAt !== null) return { kind: "refused", code: "UNAUTHENTICATED" };
  const { username } = user;
  const reason = weaknessOf(newPassword, username, await context.isLeaked());
  if (reason !== undefined) return { kind: "refused", code: "WEAK_PASSWORD", reason };
  const proof = await provePassword(context, { username, password: currentPassword }, origin, "password only");
  if (proof.kind === "refused")
    return proof.code === "TOO_MANY_FAILED_LOGINS" ? proof : { kind: "refused", code: "WRONG_PASSWORD" };
  const passwordHash = await passwords.takeTurn({ lane: "regular", name: username }, () => passwords.hash(newPassword));
  return inTransactionOn(db, userId, async (tx): Promise<ChangeResult> => {
    const now = await lockUser(tx, userId);
    // Changed, or disabled, since it was compared.
    if (now?.passwordHash !== proof.user.passwordHash || now.disabledAt !== null)
      return { kind: "refused", code: "WRONG_PASSWORD" };
    await updateUser(tx, userId, { passwordHash });
    await deletePasswordCode(tx, userId);
    const after = { endedSessions: await endSessionsOf(tx, userId, { except: sessionId }) };
    await audit(context, tx, { action: "PASSWORD_CHANGED", origin, subjectId: userId, after });
    return { kind: "changed" };
  });
}
