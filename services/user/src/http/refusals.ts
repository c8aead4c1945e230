import { problem, type ProblemAnswer } from "@shop/http/request/answer";

const details = {
  UNAUTHENTICATED: "The user of this token is gone, or disabled.",
  FORBIDDEN: "You are not an admin any more. Log in again.",
  ACCOUNT_DISABLED: "This account is disabled. Ask an admin to enable it.",
  INVALID_CREDENTIALS: "The name or the password is wrong.",
  WRONG_PASSWORD: "The password, or the name, is wrong.",
  INVALID_CODE: "The code is not of this user, was used, or has ended. Ask an admin for another one.",
  SECOND_FACTOR_REQUIRED: "Send a code of your authenticator app, or a recovery code, as secondFactor.",
  INVALID_SECOND_FACTOR: "The code is wrong, was used before, or there is no second factor.",
  SECOND_FACTOR_SETUP_REQUIRED:
    "Admins need a second factor: POST /api/second-factor gives its secret; then log in with a code of it.",
  SECOND_FACTOR_ACTIVE: "There is a second factor already: remove it first.",
  TOO_MANY_FAILED_LOGINS: "Too many failed logins for this name. Sessions that exist go on.",
} as const;

/** The answer to what logins, passwords and second factors are refused for. */
export function refusalOf(refusal: { readonly code: keyof typeof details; readonly waitMs?: number }): ProblemAnswer {
  const { code, waitMs } = refusal;
  const retry = waitMs === undefined ? {} : { retryAfterSeconds: Math.ceil(waitMs / 1000) };
  return problem(code, details[code], retry);
}
