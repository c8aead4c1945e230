import { isProblem } from "@shop/client/problem-error";
import { eventually } from "@shop/testing/eventually";

/**
 * Makes a call again for as long as it is answered with 503, as its `Retry-After` asks for: a machine that is short of time refuses calls that an
 * idle one would take. Only for calls that may be carried out twice.
 * @throws what the call throws for any other reason, at once; the 503 when it has lasted for a minute
 */
export async function untilAnswered<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  const { outcome } = await eventually(
    async () => {
      const attempt = call();
      const failure = await attempt.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (isProblem(failure, "UNAVAILABLE")) throw failure;
      return { outcome: attempt };
    },
    { pauseMs: 200 },
  );
  return outcome;
}
