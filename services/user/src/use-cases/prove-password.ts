import { inTransaction, inTransactionOn } from "@shop/database/transaction";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { UserContext } from "../context.ts";
import { type AttemptOutcome, takeLoginTurn } from "../credentials/login-turn.ts";
import type { Lane } from "../credentials/passwords.ts";
import { audit } from "../db/audit.ts";
import { findLoginCandidate, forgetLoginAttempt, type LoginCandidate, noteLoginAttempt } from "../db/login-attempts.ts";
import type { StoredUser } from "../db/users.ts";
import { spendSecondFactor } from "./spend-second-factor.ts";
import { areSettled, FAILURE_WINDOW_MS, MAX_FAILURES, throttledForMs } from "../domain/login-throttle.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A code of the authenticator app, or a recovery code. */
  readonly secondFactor?: string | undefined;
}

export type PasswordRefusal =
  | {
      readonly kind: "refused";
      readonly code: "INVALID_CREDENTIALS" | "SECOND_FACTOR_REQUIRED" | "INVALID_SECOND_FACTOR";
    }
  | { readonly kind: "refused"; readonly code: "TOO_MANY_FAILED_LOGINS"; readonly waitMs: number };
type ProofResult =
  | PasswordRefusal
  | { readonly kind: "proven"; readonly user: ProvenUser; readonly hasSecondFactor: boolean };

/** Who has the password: they have one. */
export type ProvenUser = StoredUser & { readonly passwordHash: string };

/** A user with this many failures recently, and who is guessed at, waits in the line of all others. */
const FAILURES_OF_A_GUESSED_NAME = 3;

/**
 * Compares a name's password, and if it is asked for the second factor of a user who has one. Each guess counts as a failed login until it is known to be
 * right. An unknown name takes the same steps, and so the same time, as a wrong password. A guess that is wrong is written to the audit trail; a name
 * that nobody has is not, since people also type passwords there.
 */
export async function provePassword(
  context: UserContext,
  { username, password, secondFactor }: Credentials,
  origin: AuditOrigin,
  asked: "password only" | "second factor",
): Promise<ProofResult> {
  const { db, passwords, clock } = context;
  const candidate = await findLoginCandidate(db, username, new Date(clock.now()));
  const { user } = candidate;
  const closedForMs = throttledForMs(candidate.attempts, clock.now());
  // A closed name costs no turn, unless one of its attempts may yet turn out to be right.
  if (closedForMs > 0 && areSettled(candidate.attempts, clock.now())) return tooManyFailures(closedForMs);

  const place = { lane: laneOf(candidate, clock.now()), name: username };
  let verdict: "INVALID_CREDENTIALS" | "SECOND_FACTOR_REQUIRED" | "INVALID_SECOND_FACTOR" | undefined;
  let hasSecondFactor = candidate.hasSecondFactor === true;

  /** @returns whether what was given is no wrong guess; one that is not complete is none */
  async function compare(): Promise<boolean> {
    verdict = "INVALID_CREDENTIALS";
    if (!(await passwords.matches(password, user?.passwordHash ?? undefined)) || user === undefined) return false;
    verdict = undefined;
    if (asked === "password only" || candidate.hasSecondFactor === undefined) return true;
    if (secondFactor !== undefined) {
      const given = { userId: user.id, code: secondFactor, origin };
      hasSecondFactor = await inTransactionOn(db, user.id, (tx) => spendSecondFactor(context, tx, given));
      if (hasSecondFactor) return true;
      verdict = "INVALID_SECOND_FACTOR";
      return false;
    }
    if (candidate.hasSecondFactor) verdict = "SECOND_FACTOR_REQUIRED";
    return true;
  }

  const outcome = await takeLoginTurn(passwords, place, () => guessOnce(context, username, compare));
  if (outcome === "closed") return tooManyFailures(await closedFor(context, username));
  const passwordHash = user?.passwordHash ?? null;
  if (outcome === "wrong" || user === undefined || passwordHash === null) {
    const after = verdict === "INVALID_SECOND_FACTOR" ? { after: { reason: verdict } } : {};
    const act = { action: "LOGIN_FAILED", origin, subjectId: user?.id, ...after } as const;
    await inTransaction(db, (tx) => audit(context, tx, act));
    return { kind: "refused", code: verdict ?? "INVALID_CREDENTIALS" };
  }
  if (verdict !== undefined) return { kind: "refused", code: verdict };
  return { kind: "proven", user: { ...user, passwordHash }, hasSecondFactor };
}

type GuessResult = { readonly outcome: "right" | "wrong" } | { readonly outcome: "closed"; readonly waitMs: number };

/** Makes a guess at what is no password; it counts as a failed login of the name until it is known to be right. */
export async function countedGuess(
  context: UserContext,
  username: string,
  compare: () => Promise<boolean>,
): Promise<GuessResult> {
  const outcome = await guessOnce(context, username, compare);
  return outcome === "closed" ? { outcome, waitMs: await closedFor(context, username) } : { outcome };
}

async function guessOnce(
  { db, loginAttempts, clock }: UserContext,
  username: string,
  compare: () => Promise<boolean>,
): Promise<AttemptOutcome> {
  const at = new Date(clock.now());
  const since = new Date(at.getTime() - FAILURE_WINDOW_MS);
  const compared = await loginAttempts.letIn(
    username,
    () => noteLoginAttempt(db, { username, at }, { since, max: MAX_FAILURES }),
    async (): Promise<AttemptOutcome> => {
      if (!(await compare())) return "wrong";
      await forgetLoginAttempt(db, { username, at });
      return "right";
    },
  );
  return compared ?? "closed";
}

async function closedFor({ db, clock }: UserContext, username: string): Promise<number> {
  const nowMs = clock.now();
  const { attempts } = await findLoginCandidate(db, username, new Date(nowMs));
  return throttledForMs(attempts, nowMs);
}

function tooManyFailures(waitMs: number): PasswordRefusal {
  return { kind: "refused", code: "TOO_MANY_FAILED_LOGINS", waitMs };
}

function laneOf({ user, hasSession, attempts }: LoginCandidate, nowMs: number): Lane {
  const recent = attempts.filter((at) => at.getTime() > nowMs - FAILURE_WINDOW_MS);
  if (user === undefined || recent.length >= FAILURES_OF_A_GUESSED_NAME) return "other";
  return hasSession ? "regular" : "registered";
}
