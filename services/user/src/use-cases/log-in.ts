import type { TokenPair } from "@shop/contracts/http/user";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import { type AttemptOutcome, takeLoginTurn } from "../credentials/login-turn.ts";
import type { Lane } from "../credentials/passwords.ts";
import { hashRefreshToken, newFamilyKey, newRefreshToken } from "../credentials/refresh-token.ts";
import { findLoginCandidate, forgetLoginAttempt, type LoginCandidate, noteLoginAttempt } from "../db/login-attempts.ts";
import { insertSession } from "../db/sessions.ts";
import { areSettled, FAILURE_WINDOW_MS, MAX_FAILURES, throttledForMs } from "../domain/login-throttle.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

interface Credentials {
  readonly username: string;
  readonly password: string;
}

type Refusal =
  | { readonly kind: "refused"; readonly code: "INVALID_CREDENTIALS" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };
type LogInResult = Refusal | { readonly kind: "loggedIn"; readonly tokens: TokenPair };

/** A user with this many failures of late, and who is guessed at, waits in the line of all others. */
const FAILURES_OF_A_GUESSED_NAME = 3;

/** Opens a session. An unknown name takes the same steps, and so the same time, as a wrong password. */
export async function logIn(context: UserContext, credentials: Credentials): Promise<LogInResult> {
  const { db, passwords, guesses, clock, ids } = context;
  const { username, password } = credentials;
  const candidate = await findLoginCandidate(db, username, new Date(clock.now()));
  const { user } = candidate;
  const closedForMs = throttledForMs(candidate.attempts, clock.now());
  // A closed name costs no turn, unless one of its attempts may yet turn out to be right.
  if (closedForMs > 0 && areSettled(candidate.attempts, clock.now())) return tooManyFailures(closedForMs);

  const place = { lane: laneOf(candidate, clock.now()), name: username };
  const outcome = await takeLoginTurn(passwords, place, async (): Promise<AttemptOutcome> => {
    const at = new Date(clock.now());
    const since = new Date(at.getTime() - FAILURE_WINDOW_MS);
    const compared = await guesses.letIn(
      username,
      () => noteLoginAttempt(db, { username, at }, { since, max: MAX_FAILURES }),
      async (): Promise<AttemptOutcome> => {
        if (!(await passwords.matches(password, user?.passwordHash))) return "wrong";
        await forgetLoginAttempt(db, { username, at });
        return "right";
      },
    );
    return compared ?? "closed";
  });
  if (outcome === "closed") {
    const nowMs = clock.now();
    const { attempts } = await findLoginCandidate(db, username, new Date(nowMs));
    return tooManyFailures(throttledForMs(attempts, nowMs));
  }
  if (outcome === "wrong" || user === undefined) return { kind: "refused", code: "INVALID_CREDENTIALS" };

  const [sessionId, familyKey] = [ids(), newFamilyKey()];
  const refreshToken = newRefreshToken({ sessionId, key: familyKey });
  const nowMs = clock.now();
  const session = { userId: user.id, createdAt: new Date(nowMs), familyKey };
  const token = {
    sessionId,
    tokenHash: hashRefreshToken(refreshToken),
    expiresAt: new Date(nowMs + REFRESH_TOKEN_LIFE_MS),
  };
  await inTransactionOn(db, user.id, (tx) => insertSession(tx, session, token));
  return { kind: "loggedIn", tokens: await tokenPair(context, user, refreshToken) };
}

function tooManyFailures(waitMs: number): LogInResult {
  return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs };
}

function laneOf({ user, hasSession, attempts }: LoginCandidate, nowMs: number): Lane {
  const recent = attempts.filter((at) => at.getTime() > nowMs - FAILURE_WINDOW_MS);
  if (user === undefined || recent.length >= FAILURES_OF_A_GUESSED_NAME) return "other";
  return hasSession ? "regular" : "registered";
}
