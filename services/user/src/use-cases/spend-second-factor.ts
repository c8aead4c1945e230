import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import type { UserContext } from "../context.ts";
import { hashOneTimeCode } from "../credentials/one-time-code.ts";
import { totpStepOf } from "../credentials/one-time-password.ts";
import { audit } from "../db/audit.ts";
import { lockSecondFactor, noteStep, spendRecoveryCode } from "../db/second-factors.ts";

const OF_AN_APP = /^\d{6}$/;

/**
 * Uses a code of an authenticator app, or a recovery code: each is good once. The first code of a second factor that was begun makes it active.
 * The audit trail is written to, if at all, as the last statement.
 */
export async function spendSecondFactor(
  context: UserContext,
  tx: Transaction,
  { userId, code, origin }: { readonly userId: string; readonly code: string; readonly origin: AuditOrigin },
): Promise<boolean> {
  const factor = await lockSecondFactor(tx, userId);
  if (factor === undefined) return false;
  const typed = code.replaceAll(/\s/g, "");
  if (!OF_AN_APP.test(typed)) {
    if (factor.activatedAt === null || !(await spendRecoveryCode(tx, userId, hashOneTimeCode(typed)))) return false;
    await audit(context, tx, { action: "RECOVERY_CODE_USED", origin, subjectId: userId });
    return true;
  }
  const nowMs = context.clock.now();
  const step = totpStepOf(typed, factor.secret, nowMs);
  // Who has seen a code being typed cannot use it again.
  if (step === undefined || (factor.lastStep !== null && step <= factor.lastStep)) return false;
  await noteStep(tx, userId, { lastStep: step, activatedAt: factor.activatedAt ?? new Date(nowMs) });
  if (factor.activatedAt === null)
    await audit(context, tx, { action: "SECOND_FACTOR_ACTIVATED", origin, subjectId: userId });
  return true;
}
