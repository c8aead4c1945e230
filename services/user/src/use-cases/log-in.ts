import type { TokenPair } from "@shop/contracts/http/user";
import { inTransaction } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { hashRefreshToken, newRefreshToken } from "../credentials/refresh-token.ts";
import { insertLoginFailure, newestLoginFailures } from "../db/login-failures.ts";
import { insertSession } from "../db/sessions.ts";
import { findUserByName } from "../db/users.ts";
import { FAILURE_WINDOW_MS, MAX_FAILURES, throttledForMs } from "../domain/login-throttle.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

interface Credentials {
  readonly username: string;
  readonly password: string;
}

type Refusal =
  | { readonly kind: "refused"; readonly code: "INVALID_CREDENTIALS" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };
type LogInResult = Refusal | { readonly kind: "loggedIn"; readonly tokens: TokenPair };

const wrongCredentials: Refusal = { kind: "refused", code: "INVALID_CREDENTIALS" };

/** Opens a session. An unknown name takes the same steps, and so the same time, as a wrong password. */
export async function logIn(context: UserContext, credentials: Credentials): Promise<LogInResult> {
  const { db, passwords, clock, ids } = context;
  const { username, password } = credentials;
  const user = await findUserByName(db, username);
  // Counted when the turn has come: however many guesses arrive at once, only those in hand can get past the tenth failure.
  const refusal = await passwords.takeTurn(async (): Promise<Refusal | undefined> => {
    const waitMs = await throttledFor(context, username);
    if (waitMs > 0) return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs };
    if (await passwords.matches(password, user?.passwordHash)) return undefined;
    await insertLoginFailure(db, { id: ids(), username, failedAt: new Date(clock.now()) });
    return wrongCredentials;
  });
  if (refusal !== undefined) return refusal;
  if (user === undefined) return wrongCredentials;

  const refreshToken = newRefreshToken();
  const nowMs = clock.now();
  const session = { userId: user.id, createdAt: new Date(nowMs) };
  const token = {
    sessionId: ids(),
    tokenHash: hashRefreshToken(refreshToken),
    expiresAt: new Date(nowMs + REFRESH_TOKEN_LIFE_MS),
  };
  await inTransaction(db, (tx) => insertSession(tx, session, token));
  return { kind: "loggedIn", tokens: await tokenPair(context, user, refreshToken) };
}

async function throttledFor({ db, clock }: UserContext, username: string): Promise<number> {
  const nowMs = clock.now();
  const since = new Date(nowMs - FAILURE_WINDOW_MS);
  return throttledForMs(await newestLoginFailures(db, { username, since, limit: MAX_FAILURES }), nowMs);
}
