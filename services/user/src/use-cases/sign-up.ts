import type { User } from "@shop/contracts/http/user";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransaction } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { insertUser, type StoredUser } from "../db/users.ts";
import { weaknessOf } from "../domain/password-rule.ts";

interface NewUser {
  readonly username: string;
  readonly password: string;
  readonly displayName: string | undefined;
}

type SignUpResult =
  | { readonly kind: "signedUp"; readonly user: User }
  | { readonly kind: "refused"; readonly code: "USERNAME_TAKEN" }
  | { readonly kind: "refused"; readonly code: "WEAK_PASSWORD"; readonly reason: string };

/** Makes a customer of anyone who asks; other roles are never given away here. */
export async function signUp(
  context: UserContext,
  { username, password, displayName = username }: NewUser,
  origin: AuditOrigin,
): Promise<SignUpResult> {
  const { db, passwords, ids, clock } = context;
  const reason = weaknessOf(password, username, await context.isLeaked());
  if (reason !== undefined) return { kind: "refused", code: "WEAK_PASSWORD", reason };
  const passwordHash = await passwords.takeTurn({ lane: "signUp", name: username }, () => passwords.hash(password));
  const createdAt = new Date(clock.now());
  const user = { id: ids(), username, displayName, role: "customer" as const, passwordHash, createdAt };
  const inserted = await inTransaction(db, async (tx) => {
    if (!(await insertUser(tx, user))) return false;
    await audit(context, tx, { action: "SIGNED_UP", origin, subjectId: user.id, after: { username, role: user.role } });
    return true;
  });
  return inserted ? { kind: "signedUp", user: shownUser(user) } : { kind: "refused", code: "USERNAME_TAKEN" };
}

/** A user as others may see them: without the password's hash. */
export function shownUser({ id, username, displayName, role, createdAt }: Pick<StoredUser, keyof User>): User {
  return { id, username, displayName, role, createdAt: createdAt.toISOString() };
}
