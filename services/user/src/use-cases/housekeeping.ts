import { every } from "@shop/runtime/every";
import type { Logger } from "@shop/runtime/logger";
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
const LOOK_FOR_KEYS_EVERY_MS = 10_000;
const PURGE_EVERY_MS = 60_000;

/** Takes the stored signing keys, making the first one if there is none: what another replica or an operator added is shown from now on, and used when its time has come. */
export async function loadSigningKeys({ db, accessTokens, clock, ids }: UserContext): Promise<void> {
  await accessTokens.useKeys(await loadOrCreateSigningKeys(db, () => createSigningKey(clock, ids)));
}

const logFailure = (logger: Logger) => (error: unknown) =>
  logger.warn("HOUSEKEEPING_FAILED", "housekeeping failed; retrying in ten seconds, or in a minute", { error });

/** Looks for keys that others have added, every ten seconds: much less than a key is shown before it is used. Runs until `signal` is aborted. */
export async function followSigningKeys(context: UserContext, signal: AbortSignal): Promise<void> {
  const { clock, logger } = context;
  await clock.sleep(LOOK_FOR_KEYS_EVERY_MS, signal);
  await every(LOOK_FOR_KEYS_EVERY_MS, { clock, signal }, () => loadSigningKeys(context), logFailure(logger));
}

/**
 * Removes, every minute, what no longer says anything: failed logins outside of the window, sessions and one-time codes that have ended by time, and
 * keys whose last token has. Runs until `signal` is aborted.
 */
export async function purgeExpired({ db, clock, logger }: UserContext, signal: AbortSignal): Promise<void> {
  await clock.sleep(PURGE_EVERY_MS, signal);
  await every(
    PURGE_EVERY_MS,
    { clock, signal },
    async () => {
      const nowMs = clock.now();
      await deleteLoginAttempts(db, new Date(nowMs - FAILURE_WINDOW_MS - CLOCK_SLACK_MS));
      await deleteExpiredSessions(db, new Date(nowMs));
      await deleteExpiredPasswordCodes(db, new Date(nowMs));
      await deleteSupersededSigningKeys(db, supersededSince(nowMs));
    },
    logFailure(logger),
  );
}
