import type { UserContext } from "../context.ts";
import { hashRefreshToken } from "../credentials/refresh-token.ts";
import { endSessionOfToken } from "../db/sessions.ts";

/** Ends the session that a refresh token belongs to, also with a spent one; an unknown one changes nothing. */
export async function logOut({ db }: UserContext, refreshToken: string): Promise<void> {
  await endSessionOfToken(db, hashRefreshToken(refreshToken));
}
