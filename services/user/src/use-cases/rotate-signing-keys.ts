import type { UserContext } from "../context.ts";
import { createSigningKey } from "../credentials/access-tokens.ts";
import { addSigningKey } from "../db/signing-keys.ts";
import { SHOWN_BEFORE_USE_MS } from "../domain/signing-key-ages.ts";

/**
 * Makes a new key of access tokens. It is shown at once and signs when everyone can know it; the older ones are shown for as long as their tokens live.
 * @param leaked the older ones are withdrawn and the new one signs at once: every token that is out stops being good within about a minute
 */
export async function rotateSigningKeys(
  { db, clock, ids, logger }: Pick<UserContext, "db" | "clock" | "ids" | "logger">,
  { leaked }: { readonly leaked: boolean },
): Promise<void> {
  const key = await createSigningKey(clock, ids);
  const withdrawn = await addSigningKey(db, key, { withdrawOthers: leaked });
  logger.info("a new key of access tokens was made", {
    kid: key.kid,
    signsFrom: new Date(key.createdAt.getTime() + (leaked ? 0 : SHOWN_BEFORE_USE_MS)).toISOString(),
    withdrawn,
  });
}
