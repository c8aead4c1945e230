import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashOneTimeCode, newOneTimeCode } from "../credentials/one-time-code.ts";
import { audit } from "../db/audit.ts";
import { storePasswordCode } from "../db/password-codes.ts";
import { lockUser, type StoredUser } from "../db/users.ts";
import { storeMail } from "../db/mails.ts";
import { passwordCodeMail } from "../domain/password-code-mail.ts";
import { isAdminNow } from "./change-user.ts";

/** How long a code is good, in milliseconds. */
const CODE_LIFE_MS = 24 * 3_600_000;

export interface PasswordCode {
  readonly code: string;
  readonly expiresAt: Date;
  /** Whether a mail with it waits to be sent. */
  readonly mailed: boolean;
}

type IssueResult =
  | { readonly kind: "issued"; readonly code: PasswordCode }
  | { readonly kind: "refused"; readonly code: "FORBIDDEN" | "NOT_FOUND" };

/** Makes the code with which a user sets a new password. The one that they have stays good until then. */
export async function issuePasswordCode(
  context: UserContext,
  userId: string,
  origin: AuditOrigin,
): Promise<IssueResult> {
  return inTransactionOn(context.db, userId, async (tx): Promise<IssueResult> => {
    if (!(await isAdminNow(tx, origin))) return { kind: "refused", code: "FORBIDDEN" };
    const user = await lockUser(tx, userId);
    if (user === undefined) return { kind: "refused", code: "NOT_FOUND" };
    const code = await newPasswordCode(context, tx, user);
    const after = { expiresAt: code.expiresAt.toISOString(), mailed: code.mailed };
    await audit(context, tx, { action: "PASSWORD_CODE_ISSUED", origin, subjectId: userId, after });
    return { kind: "issued", code };
  });
}

/** Makes and stores a user's code, and the mail with it if mails are set up and their address is known. */
export async function newPasswordCode(
  { clock, ids, mails }: Pick<UserContext, "clock" | "ids" | "mails">,
  tx: Transaction,
  { id: userId, username, mailAddress }: Pick<StoredUser, "id" | "username" | "mailAddress">,
): Promise<PasswordCode> {
  const code = newOneTimeCode();
  const expiresAt = new Date(clock.now() + CODE_LIFE_MS);
  await storePasswordCode(tx, { userId, codeHash: hashOneTimeCode(code), expiresAt });
  if (mails === undefined || mailAddress === null) return { code, expiresAt, mailed: false };
  const mail = {
    id: ids(),
    toAddress: mailAddress,
    expiresAt,
    ...passwordCodeMail({ username, code, expiresAt, ...mails }),
  };
  await storeMail(tx, mail, new Date(clock.now()));
  return { code, expiresAt, mailed: true };
}
