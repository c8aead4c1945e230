import { MAX_FIELD_ERRORS, type Problem, type ProblemCode, problemCodes } from "@shop/contracts/http/problem";
import type { CodeWithMembers, MembersOf } from "@shop/contracts/http/problem-members";
import { requestIdOf, type ShopContext } from "../server/request-id.ts";

/** What a request breaks: the dotted path of the field (empty for the whole body) and what it must be. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** All went well; the endpoint says which status that is. */
export interface Done<Body> {
  readonly kind: "done";
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
}

/** The call cannot be granted; the code says which status that is. */
export interface ProblemAnswer {
  readonly kind: "problem";
  readonly code: ProblemCode;
  /** A sentence for a person, about this occurrence. */
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** What a problem of this code has beside the members of every problem. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Further headers, such as `etag`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The caller has the thing as it is: 304, without a body. */
export interface NotModified {
  readonly kind: "notModified";
  readonly headers: Readonly<Record<string, string>>;
}

/** What the handler of an endpoint returns. */
export type Answer<Body> = Done<Body> | NotModified | ProblemAnswer;

/**
 * The answer when all went well.
 * @param body what the endpoint's success schema describes; nothing for a 204
 * @param headers further headers, such as `location`
 */
export function done(): Done<undefined>;
export function done<Body>(body: Body, headers?: Readonly<Record<string, string>>): Done<Body>;
export function done(body?: unknown, headers: Readonly<Record<string, string>> = {}): Done<unknown> {
  return { kind: "done", body, headers };
}

/** The answer to a GET whose `If-None-Match` names what the caller would get. */
export function notModified(headers: Readonly<Record<"etag", string>> & Readonly<Record<string, string>>): NotModified {
  return { kind: "notModified", headers };
}

type Extras<Code extends ProblemCode> = Pick<ProblemAnswer, "errors" | "retryAfterSeconds" | "headers"> &
  (Code extends CodeWithMembers ? { readonly members: MembersOf<Code> } : { readonly members?: never });

/** The answer when the call cannot be granted, such as `problem("ORDER_ENDED", "The order is COMPLETE.")`. A code that has members of its own needs them. */
export function problem<Code extends ProblemCode>(
  code: Code,
  detail: string,
  ...[extras]: Code extends CodeWithMembers ? [extras: Extras<Code>] : [extras?: Extras<Code>]
): ProblemAnswer {
  return { kind: "problem", code, detail, ...extras };
}

export const PROBLEM_JSON = "application/problem+json";

/** `ORDER_ENDED` is described at `/problems/order-ended`. */
function problemType(code: ProblemCode): string {
  return `/problems/${code.toLowerCase().replaceAll("_", "-")}`;
}

/** The longest path or message of a field error that an answer carries, in characters. A path holds names that the caller chose. */
const LONGEST_TEXT = 200;

/**
 * The RFC 9457 body of a refusal. `instance` is the path that was called. It names at most the first `MAX_FIELD_ERRORS` errors and counts the others,
 * so that a small request does not lead to a large answer.
 */
export function problemBody(refused: ProblemAnswer, instance: string, requestId: string): Problem {
  const { code, detail, errors, members = {} } = refused;
  const { status, title } = problemCodes[code];
  const body = { type: problemType(code), title, status, detail, instance, code, requestId, ...members };
  if (errors === undefined) return body;
  const named = errors
    .slice(0, MAX_FIELD_ERRORS)
    .map(({ path, message }) => ({ path: shortened(path), message: shortened(message) }));
  const moreErrors = errors.length - named.length;
  if (moreErrors === 0) return { ...body, errors: named };
  return { ...body, detail: `${detail} ${moreErrors} more errors are not listed.`, errors: named, moreErrors };
}

function shortened(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1).toWellFormed()}…`;
}

/** A refusal as the response that goes out. */
export function problemResponse(
  c: ShopContext,
  refused: ProblemAnswer,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const requestId = requestIdOf(c);
  const { status } = problemCodes[refused.code];
  const body = JSON.stringify(problemBody(refused, pathOf(c.req.raw.url), requestId));
  return new Response(body, {
    status,
    headers: {
      "content-type": PROBLEM_JSON,
      "cache-control": "no-store",
      "x-request-id": requestId,
      ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
      // What is left of the body is not read: the connection cannot carry a further request.
      ...(status === 413 || status === 408 ? { connection: "close" } : {}),
      ...(refused.retryAfterSeconds === undefined ? {} : { "retry-after": String(refused.retryAfterSeconds) }),
      // Its body is left out of the answer, and its length with it, unless that is told here.
      ...(c.req.method === "HEAD" ? { "content-length": String(Buffer.byteLength(body)) } : {}),
      ...refused.headers,
      ...headers,
    },
  });
}

/** The path of an absolute URL, still percent-encoded and without its query. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return url.slice(start, query === -1 ? undefined : query);
}
