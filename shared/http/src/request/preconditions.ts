/** What a request's preconditions come to: carry it out, answer 304, or answer 412. */
export type Verdict = "met" | "notModified" | "failed";

interface ConditionalRequest {
  readonly method: string;
  readonly ifMatch: string | null | undefined;
  readonly ifNoneMatch: string | null | undefined;
}

/**
 * Evaluates `If-Match`, then `If-None-Match`, as RFC 9110 has it in section 13.2.2. It belongs after every other check that needs no
 * knowledge of what the call would do, and where the thing cannot change before the call takes effect.
 * @param etag the strong entity tag of the thing as it is, with its quotation marks
 */
export function evaluatePreconditions({ method, ifMatch, ifNoneMatch }: ConditionalRequest, etag: string): Verdict {
  // A weak tag never matches here: the two need not be the same to the byte.
  if (isGiven(ifMatch) && !isAny(ifMatch) && !entityTags(ifMatch).includes(etag)) return "failed";
  if (!isGiven(ifNoneMatch)) return "met";
  const isListed = isAny(ifNoneMatch) || entityTags(ifNoneMatch).some((tag) => tag === etag || tag === `W/${etag}`);
  if (!isListed) return "met";
  return method === "GET" || method === "HEAD" ? "notModified" : "failed";
}

const isGiven = (value: string | null | undefined): value is string => value !== null && value !== undefined;
const isAny = (value: string) => value.trim() === "*";

/** The entity tags of a list; a comma within quotation marks belongs to its tag. What is none is passed over. */
function entityTags(list: string): readonly string[] {
  return list.match(/(?:W\/)?"[^"]*"/g) ?? [];
}
