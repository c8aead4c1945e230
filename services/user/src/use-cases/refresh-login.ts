import type { TokenPair } from "@shop/contracts/http/user";
import { inTransaction } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashRefreshToken, newRefreshToken } from "../credentials/refresh-token.ts";
import { endSession, lockPresentedToken, replaceToken } from "../db/sessions.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

type RefreshResult =
  | { readonly kind: "refreshed"; readonly tokens: TokenPair }
  | { readonly kind: "refused"; readonly code: "INVALID_REFRESH_TOKEN" };

const refused = { kind: "refused", code: "INVALID_REFRESH_TOKEN" } as const;

/**
 * Exchanges a refresh token for a new pair. One that was spent before is in two hands, one of them a thief's:
 * the whole session ends, for both.
 */
export async function refreshLogin(context: UserContext, presented: string): Promise<RefreshResult> {
  const { db, clock, logger, metrics } = context;
  const presentedHash = hashRefreshToken(presented);
  const refreshToken = newRefreshToken();

  const user = await inTransaction(db, async (tx) => {
    const token = await lockPresentedToken(tx, presentedHash);
    const now = new Date(clock.now());
    if (token === undefined || token.expiresAt <= now) return undefined;
    const { sessionId, userId, role } = token;
    if (token.spentAt !== null) {
      await endSession(tx, sessionId);
      metrics.count("refresh_token_reuse_total");
      logger.warn("a spent refresh token came again: its session is ended", { userId, sessionId });
      return undefined;
    }
    const expiresAt = new Date(now.getTime() + REFRESH_TOKEN_LIFE_MS);
    await replaceToken(tx, presentedHash, { tokenHash: hashRefreshToken(refreshToken), sessionId, expiresAt }, now);
    return { id: userId, role };
  });
  if (user === undefined) return refused;
  return { kind: "refreshed", tokens: await tokenPair(context, user, refreshToken) };
}
