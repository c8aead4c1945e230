import type { TokenPair } from "@shop/contracts/http/user";
import { ACCESS_TOKEN_LIFE_S, type TokenHolder } from "../credentials/access-tokens.ts";
import type { UserContext } from "../context.ts";

/** How long a refresh token lives, in milliseconds. */
export const REFRESH_TOKEN_LIFE_MS = 30 * 24 * 3_600_000;

/** What a login or a refresh gives: a new access token beside the refresh token that was stored for it. */
export async function tokenPair(
  { accessTokens }: UserContext,
  user: TokenHolder,
  refreshToken: string,
): Promise<TokenPair> {
  const accessToken = await accessTokens.issue(user);
  return { accessToken, tokenType: "Bearer", expiresIn: ACCESS_TOKEN_LIFE_S, refreshToken };
}
