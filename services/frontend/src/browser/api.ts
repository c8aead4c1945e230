import type { Problem } from "@shop/contracts/http/problem";

/** The API refused a call, or something behind it is away. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** No answer came: the network, or the server, is away. */
export class NoConnectionError extends Error {
  override readonly name = "NoConnectionError";
}

interface CallOptions {
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Longer than the server takes to say that something is away, in milliseconds. */
const ANSWER_WITHIN_MS = 8_000;

/**
 * Makes a call of the API. The browser adds its session by itself: no token is ever seen here.
 * @returns the answer's JSON, undefined when it has none
 * @throws ApiError when it is refused, NoConnectionError when no answer comes
 */
export async function callApi<Answer>(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const { body, headers = {}, signal } = options;
  const tooLate = AbortSignal.timeout(ANSWER_WITHIN_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? tooLate : AbortSignal.any([signal, tooLate]),
      cache: "no-store",
    });
    text = await response.text();
  } catch (error) {
    throw new NoConnectionError("no answer came", { cause: error });
  }
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as Answer;
  throw refusalOf(response, text);
}

/** What a refused call tells. Whatever is no problem of the API comes from something in between. */
export function refusalOf(response: Response, text: string): Error {
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  return isProblem
    ? new ApiError(JSON.parse(text) as Problem)
    : new NoConnectionError(`something answered ${response.status} for the shop`);
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** A path with those parameters that have a value. */
export function withQuery(path: string, parameters: Readonly<Record<string, string | undefined | null>>): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
