import type { MembersOf } from "@shop/contracts/http/problem-members";
import type { Problem, ProblemCode, problemCodes } from "@shop/contracts/http/problem";

/** A problem that the API answered with, by its code. */
export type KnownProblem = {
  readonly [Code in ProblemCode]: Omit<Problem, "code" | "status"> & {
    readonly code: Code;
    readonly status: (typeof problemCodes)[Code]["status"];
  } & MembersOf<Code>;
}[ProblemCode];

/** The API refused a call. `switch (error.problem.code)` tells why, and is checked to know every reason. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: KnownProblem;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(problem: KnownProblem, retryAfterMs: number | undefined) {
    super(
      `${problem.title}: ${problem.detail}${(problem.errors ?? []).map((each) => ` (${each.path}: ${each.message})`).join("")}`,
    );
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer of the API came: it cannot be reached, the connection broke, or something else answered in its place. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/** Whether an error is a refusal with this code. */
export function isProblem(error: unknown, code: ProblemCode): error is ProblemError {
  return error instanceof ProblemError && error.problem.code === code;
}

/**
 * What a refused call tells.
 * @returns a ProblemError, or a NoAnswerError for what is no problem of the API but of something in between
 */
export function refusalOf(response: Response, text: string): ProblemError | NoAnswerError {
  const mediaType = response.headers.get("content-type") ?? "";
  if (!mediaType.startsWith("application/problem+json")) {
    return new NoAnswerError(`something answered ${response.status} in place of the shop`);
  }
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return new ProblemError(JSON.parse(text) as KnownProblem, Number.isFinite(seconds) ? seconds * 1_000 : undefined);
}
