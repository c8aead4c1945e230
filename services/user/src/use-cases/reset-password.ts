import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashOneTimeCode } from "../credentials/one-time-code.ts";
import { audit } from "../db/audit.ts";
import { findUserOfCode, spendPasswordCode } from "../db/password-codes.ts";
import { endSessionsOf } from "../db/sessions.ts";
import { lockUser, updateUser } from "../db/users.ts";
import { weaknessOf } from "../domain/password-rule.ts";

interface Reset {
  readonly username: string;
  readonly code: string;
  readonly newPassword: string;
}

type ResetResult =
  | { readonly kind: "reset" }
  | { readonly kind: "refused"; readonly code: "INVALID_CODE" | "ACCOUNT_DISABLED" }
  | { readonly kind: "refused"; readonly code: "WEAK_PASSWORD"; readonly reason: string };

/** Sets a user's password with their one-time code, and ends all of their sessions. */
export async function resetPassword(
  context: UserContext,
  { username, code, newPassword }: Reset,
  origin: AuditOrigin,
): Promise<ResetResult> {
  const { db, clock, passwords } = context;
  const codeHash = hashOneTimeCode(code);
  const now = new Date(clock.now());
  // Looked up before anything is hashed: a guess costs no more than that.
  const userId = await findUserOfCode(db, { username, codeHash, now });
  if (userId === undefined) return { kind: "refused", code: "INVALID_CODE" };
  const reason = weaknessOf(newPassword, username, await context.isLeaked());
  if (reason !== undefined) return { kind: "refused", code: "WEAK_PASSWORD", reason };
  const passwordHash = await passwords.takeTurn({ lane: "registered", name: username }, () =>
    passwords.hash(newPassword),
  );
  return inTransactionOn(db, userId, async (tx): Promise<ResetResult> => {
    const user = await lockUser(tx, userId);
    if (user === undefined) return { kind: "refused", code: "INVALID_CODE" };
    if (user.disabledAt !== null) return { kind: "refused", code: "ACCOUNT_DISABLED" };
    if (!(await spendPasswordCode(tx, { userId, codeHash, now }))) return { kind: "refused", code: "INVALID_CODE" };
    await updateUser(tx, userId, { passwordHash });
    const after = { endedSessions: await endSessionsOf(tx, userId) };
    await audit(context, tx, { action: "PASSWORD_RESET", origin, subjectId: userId, after });
    return { kind: "reset" };
  });
}
