import { deleteAuditEntries } from "@shop/database/audit-trail";
import type { UserContext } from "../context.ts";
import { createSigningKey } from "../credentials/access-tokens.ts";
import { deleteLoginAttempts } from "../db/login-attempts.ts";
import { deleteExpiredPasswordCodes } from "../db/password-codes.ts";
import { deleteExpiredSessions } from "../db/sessions.ts";
import { deleteSupersededSigningKeys, loadOrCreateSigningKeys } from "../db/signing-keys.ts";
import { FAILURE_WINDOW_MS } from "../domain/login-throttle.ts";
import { supersededSince } from "../domain/signing-key-ages.ts";

/** Replicas' clocks may differ by this much without one deleting attempts that still count for another. */
const CLOCK_SLACK_MS = 60_000;
const DAY_MS = 24 * 3_600_000;

/** Takes the stored signing keys, making the first one if there is none: what another replica or an operator added is shown from now on, and used when its time has come. */
export async function loadSigningKeys({ db, accessTokens, clock, ids }: UserContext): Promise<void> {
  await accessTokens.useKeys(await loadOrCreateSigningKeys(db, () => createSigningKey(clock, ids)));
}

/** Removes what no longer says anything: failed logins outside of the window, sessions and one-time codes that have ended by time, keys whose last token has, and entries of the audit trail beyond their days. */
export async function purge({ db, clock }: UserContext, auditTrailDays?: number): Promise<void> {
  const nowMs = clock.now();
  await deleteLoginAttempts(db, new Date(nowMs - FAILURE_WINDOW_MS - CLOCK_SLACK_MS));
  await deleteExpiredSessions(db, new Date(nowMs));
  await deleteExpiredPasswordCodes(db, new Date(nowMs));
  await deleteSupersededSigningKeys(db, supersededSince(nowMs));
  if (auditTrailDays !== undefined) await deleteAuditEntries(db, new Date(nowMs - auditTrailDays * DAY_MS));
}
