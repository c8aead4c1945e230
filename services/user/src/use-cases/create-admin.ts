import { bySystem } from "@shop/database/audit-trail";
import { inTransaction } from "@shop/database/transaction";
import { ExplainedError } from "@shop/runtime/errors";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { findUserByName, insertUser, lockAdmins } from "../db/users.ts";
import { newPasswordCode, type PasswordCode } from "./issue-password-code.ts";

/**
 * Makes an admin without being one: the first of a shop, or, of an admin who has lost their password, only another one-time code.
 * @returns the code with which they set their password
 * @throws ExplainedError when the name is that of somebody who is no admin, or is disabled
 */
export async function createAdmin(
  context: Pick<UserContext, "db" | "clock" | "ids">,
  username: string,
): Promise<PasswordCode> {
  const { db, clock, ids } = context;
  return inTransaction(db, async (tx) => {
    await lockAdmins(tx);
    const known = await findUserByName(tx, username);
    if (known !== undefined && known.role !== "admin")
      throw new ExplainedError(
        "this name is that of a user who is no admin: choose another, or let an admin change the role",
      );
    if (known !== undefined && known.disabledAt !== null)
      throw new ExplainedError("this admin is disabled: choose another name, and enable them with that admin's help");
    const userId = known?.id ?? ids();
    if (known === undefined) {
      const createdAt = new Date(clock.now());
      await insertUser(tx, {
        ...{ id: userId, username, displayName: username, role: "admin", passwordHash: null, createdAt },
      });
    }
    const code = await newPasswordCode({ ...context, mails: undefined }, tx, {
      id: userId,
      username,
      mailAddress: null,
    });
    const [action, after] =
      known === undefined
        ? (["USER_INVITED", { username, role: "admin" }] as const)
        : (["PASSWORD_CODE_ISSUED", { expiresAt: code.expiresAt.toISOString() }] as const);
    await audit(context, tx, { action, origin: bySystem, subjectId: userId, after });
    return code;
  });
}
