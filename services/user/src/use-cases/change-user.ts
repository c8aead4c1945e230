import type { Account } from "@shop/contracts/http/account";
import type { Role } from "@shop/contracts/http/define";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { audit } from "../db/audit.ts";
import { endSessionsOf } from "../db/sessions.ts";
import { countOtherAdmins, findUser, lockAdmins, lockUser, type StoredUser, updateUser } from "../db/users.ts";
import { shownUser } from "./sign-up.ts";

export interface UserChange {
  readonly role?: Role | undefined;
  readonly disabled?: boolean | undefined;
  /** null: none. */
  readonly mailAddress?: string | null | undefined;
}

type ChangeUserResult =
  | { readonly kind: "changed"; readonly user: Account }
  | { readonly kind: "refused"; readonly code: "FORBIDDEN" | "NOT_FOUND" | "LAST_ADMIN" };

/** In which changes of accounts by admins wait for each other within a process, as they do at `lockAdmins` within all. */
const TURN = "admins";

/**
 * Changes what a user may do. When that changes anything, their sessions end with it, and none can begin with what was before; their access tokens
 * live out their minutes.
 */
export async function changeUser(
  context: UserContext,
  userId: string,
  change: UserChange,
  origin: AuditOrigin,
): Promise<ChangeUserResult> {
  const { db, clock } = context;
  return inTransactionOn(db, TURN, async (tx): Promise<ChangeUserResult> => {
    await lockAdmins(tx);
    if (!(await isAdminNow(tx, origin))) return { kind: "refused", code: "FORBIDDEN" };
    const before = await lockUser(tx, userId);
    if (before === undefined) return { kind: "refused", code: "NOT_FOUND" };
    const { role = before.role, disabled = before.disabledAt !== null, mailAddress = before.mailAddress } = change;
    const hasSameRights = role === before.role && disabled === (before.disabledAt !== null);
    const hasSameAddress = mailAddress === before.mailAddress;
    if (hasSameRights && hasSameAddress) return { kind: "changed", user: shownAccount(before) };
    const disabledAt = disabled ? (before.disabledAt ?? new Date(clock.now())) : null;
    const after = { ...before, role, disabledAt, mailAddress };
    if (isActiveAdmin(before) && !isActiveAdmin(after) && (await countOtherAdmins(tx, userId)) === 0)
      return { kind: "refused", code: "LAST_ADMIN" };
    await updateUser(tx, userId, { role, disabledAt, mailAddress });
    const endedSessions = hasSameRights ? 0 : await endSessionsOf(tx, userId);
    await audit(context, tx, {
      ...{ action: "USER_CHANGED", origin, subjectId: userId },
      before: rightsOf(before),
      // The address itself is no part of a trail that cannot be changed.
      after: { ...rightsOf(after), endedSessions, ...(hasSameAddress ? {} : { mailAddressChanged: true }) },
    });
    return { kind: "changed", user: shownAccount(after) };
  });
}

/** A token tells which role its user had minutes ago; who changes accounts must have it still. */
export async function isAdminNow(tx: Transaction, { actor }: AuditOrigin): Promise<boolean> {
  const user = actor && (await findUser(tx, actor.id));
  return user !== undefined && isActiveAdmin(user);
}

const isActiveAdmin = ({ role, disabledAt }: StoredUser) => role === "admin" && disabledAt === null;
const rightsOf = ({ role, disabledAt }: StoredUser) => ({ role, disabled: disabledAt !== null });

/** A user as admins may see them. */
export function shownAccount(user: StoredUser): Account {
  return {
    ...shownUser(user),
    disabledAt: user.disabledAt?.toISOString() ?? null,
    mailAddress: user.mailAddress,
    hasPassword: user.passwordHash !== null,
  };
}
