import { ProblemError } from "@shop/client/problem-error";

/**
 * Why a call was refused.
 * @returns undefined when it was not
 * @throws whatever is no refusal, such as that no answer came
 */
export async function refusalOf(call: Promise<unknown>): Promise<ProblemError["problem"]["code"] | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code;
    throw error;
  }
}
