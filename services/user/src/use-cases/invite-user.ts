import type { Account } from "@shop/contracts/http/account";
import type { Role } from "@shop/contracts/http/define";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { inTransaction } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { findUser, insertUser } from "../db/users.ts";
import { isAdminNow, shownAccount } from "./change-user.ts";
import { newPasswordCode, type PasswordCode } from "./issue-password-code.ts";

interface Invitation {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly role: Role;
  readonly mailAddress?: string | undefined;
}

type InviteResult =
  | { readonly kind: "invited"; readonly user: Account; readonly code: PasswordCode }
  | { readonly kind: "refused"; readonly code: "FORBIDDEN" | "USERNAME_TAKEN" };

/** Makes a user of any role, without a password: they set one with the code. */
export async function inviteUser(
  context: UserContext,
  { username, displayName = username, role, mailAddress }: Invitation,
  origin: AuditOrigin,
): Promise<InviteResult> {
  const { db, ids, clock } = context;
  return inTransaction(db, async (tx): Promise<InviteResult> => {
    if (!(await isAdminNow(tx, origin))) return { kind: "refused", code: "FORBIDDEN" };
    const id = ids();
    const isNew = await insertUser(tx, {
      ...{
        id,
        username,
        displayName,
        role,
        passwordHash: null,
        mailAddress: mailAddress ?? null,
        createdAt: new Date(clock.now()),
      },
    });
    const user = await findUser(tx, id);
    if (!isNew || user === undefined) return { kind: "refused", code: "USERNAME_TAKEN" };
    const code = await newPasswordCode(context, tx, user);
    await audit(context, tx, {
      action: "USER_INVITED",
      origin,
      subjectId: id,
      after: { username, role, mailed: code.mailed },
    });
    return { kind: "invited", user: shownAccount(user), code };
  });
}
