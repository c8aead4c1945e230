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

/** Opens a session. An unknown name takes the same steps, and so the same time, as a wrong password. */
export async function logIn(context: UserContext, credentials: Credentials): Promise<LogInResult> {
  const { db, passwords, guesses, clock, ids } = context;
  const { username, password } = credentials;
  const user = await findUserByName(db, username);
  let waitMs = 0;
  // Counted when the turn has come, together with what is compared now: however many guesses arrive at once, ten may fail.
  const matched = await passwords.takeTurn(() =>
    guesses.letIn(
      username,
      async () => {
        const nowMs = clock.now();
        const since = new Date(nowMs - FAILURE_WINDOW_MS);
        const failures = await newestLoginFailures(db, { username, since, limit: MAX_FAILURES });
        waitMs = throttledForMs(failures, nowMs);
        return MAX_FAILURES - failures.length;
      },
      async () => {
        if (await passwords.matches(password, user?.passwordHash)) return true;
        await insertLoginFailure(db, { id: ids(), username, failedAt: new Date(clock.now()) });
        return false;
      },
    ),
  );
  if (matched === undefined) return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs };
  if (!matched || user === undefined) return { kind: "refused", code: "INVALID_CREDENTIALS" };

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
