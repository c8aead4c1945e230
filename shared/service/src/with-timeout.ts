import type { Clock } from "@shop/runtime/clock";
import { errorText } from "@shop/runtime/errors";

const TIMEOUT_MS = 1_000;

/** What a look at something gives, or what `otherwise` makes of there being no answer within a second: a probe must not hang with what it probes. */
export function withTimeout<Value, Other>(
  look: Promise<Value>,
  clock: Clock,
  otherwise: (reason: string) => Other,
): Promise<Value | Other> {
  const answer = look.catch((error: unknown) => otherwise(`does not answer: ${errorText(error)}`));
  return Promise.race([answer, clock.sleep(TIMEOUT_MS).then(() => otherwise("does not answer in time"))]);
}
