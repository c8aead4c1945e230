import { inTransaction } from "@shop/database/transaction";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { UserContext } from "../context.ts";
import { type AttemptOutcome, takeLoginTurn } from "../credentials/login-turn.ts";
import type { Lane } from "../credentials/passwords.ts";
import { audit } from "../db/audit.ts";
import { findLoginCandidate, forgetLoginAttempt, type LoginCandidate, noteLoginAttempt } from "../db/login-attempts.ts";
import type { StoredUser } from "../db/users.ts";
import { areSettled, FAILURE_WINDOW_MS, MAX_FAILURES, throttledForMs } from "../domain/login-throttle.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type PasswordRefusal =
  | { readonly kind: "refused"; readonly code: "INVALID_CREDENTIALS" }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };
type ProofResult = PasswordRefusal | { readonly kind: "proven"; readonly user: ProvenUser };

/** Who has the password: they have one. */
export type ProvenUser = StoredUser & { readonly passwordHash: string };

/** A user with this many failures recently, and who is guessed at, waits in the line of all others. */
const FAILURES_OF_A_GUESSED_NAME = 3;

/**
 * Compares a name's password, which counts as a failed login until it is known to be right. An unknown name takes the same steps, and so the same
 * time, as a wrong password. One that is wrong is written to the audit trail; a name that nobody has is not, since people also type passwords there.
 */
export async function provePassword(
  context: UserContext,
  { username, password }: Credentials,
  origin: AuditOrigin,
): Promise<ProofResult> {
  const { db, passwords, loginAttempts, clock } = context;
  const candidate = await findLoginCandidate(db, username, new Date(clock.now()));
  const { user } = candidate;
  const closedForMs = throttledForMs(candidate.attempts, clock.now());
  // A closed name costs no turn, unless one of its attempts may yet turn out to be right.
  if (closedForMs > 0 && areSettled(candidate.attempts, clock.now())) return tooManyFailures(closedForMs);

  const place = { lane: laneOf(candidate, clock.now()), name: username };
  const outcome = await takeLoginTurn(passwords, place, async (): Promise<AttemptOutcome> => {
    const at = new Date(clock.now());
    const since = new Date(at.getTime() - FAILURE_WINDOW_MS);
    const compared = await loginAttempts.letIn(
      username,
      () => noteLoginAttempt(db, { username, at }, { since, max: MAX_FAILURES }),
      async (): Promise<AttemptOutcome> => {
        if (!(await passwords.matches(password, user?.passwordHash ?? undefined))) return "wrong";
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
  const passwordHash = user?.passwordHash ?? null;
  if (outcome === "wrong" || user === undefined || passwordHash === null) {
    const act = { action: "LOGIN_FAILED", origin, subjectId: user?.id } as const;
    await inTransaction(db, (tx) => audit(context, tx, act));
    return { kind: "refused", code: "INVALID_CREDENTIALS" };
  }
  return { kind: "proven", user: { ...user, passwordHash } };
}

function tooManyFailures(waitMs: number): PasswordRefusal {
  return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs };
}

function laneOf({ user, hasSession, attempts }: LoginCandidate, nowMs: number): Lane {
  const recent = attempts.filter((at) => at.getTime() > nowMs - FAILURE_WINDOW_MS);
  if (user === undefined || recent.length >= FAILURES_OF_A_GUESSED_NAME) return "other";
  return hasSession ? "regular" : "registered";
}
