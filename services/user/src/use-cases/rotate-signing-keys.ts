import { bySystem } from "@shop/database/audit-trail";
import { inTransaction } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { createSigningKey } from "../credentials/access-tokens.ts";
import { audit } from "../db/audit.ts";
import { endAllSessions } from "../db/sessions.ts";
import { addSigningKey } from "../db/signing-keys.ts";
import { SHOWN_BEFORE_USE_MS } from "../domain/signing-key-ages.ts";

/**
 * Why there is to be a new key of access tokens:
 * - `scheduled`: the older ones are shown for as long as their tokens live;
 * - `leaked`: the older ones are withdrawn, and every token that is out stops being good within about a minute;
 * - `restored`: the database was set back to a backup, which brings back keys that were withdrawn since and sessions that have ended since. The backup
 *   does not know which, so all keys are withdrawn and all sessions end.
 */
export type RotationReason = "scheduled" | "leaked" | "restored";

/** Makes a new key of access tokens. It is shown at once, and signs when everyone can know it; at once when the older ones are withdrawn. */
export async function rotateSigningKeys(
  { db, clock, ids, logger }: Pick<UserContext, "db" | "clock" | "ids" | "logger">,
  reason: RotationReason,
): Promise<void> {
  const key = await createSigningKey(clock, ids);
  const withdrawOthers = reason !== "scheduled";
  const { withdrawn, sessionsEnded } = await inTransaction(db, async (tx) => {
    const done = {
      withdrawn: await addSigningKey(tx, key, { withdrawOthers }),
      sessionsEnded: reason === "restored" ? await endAllSessions(tx) : 0,
    };
    const after = { reason, kid: key.kid, ...done };
    await audit({ clock, ids }, tx, {
      action: "SIGNING_KEY_ROTATED",
      origin: bySystem,
      type: "signing-key",
      subjectId: key.kid,
      after,
    });
    return done;
  });
  logger.info("SIGNING_KEY_CREATED", "a signing key for access tokens was created", {
    kid: key.kid,
    signsFrom: new Date(key.createdAt.getTime() + (withdrawOthers ? 0 : SHOWN_BEFORE_USE_MS)).toISOString(),
    withdrawn,
    sessionsEnded,
  });
}
