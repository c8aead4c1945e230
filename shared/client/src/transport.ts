import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import type { Authentication } from "./authentication.ts";
import { NoAnswerError, ProblemError, refusalOf } from "./problem-error.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A request before anybody's name is on it. */
export interface PlainRequest {
  readonly method: string;
  /** With its query, if it has one. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Whether its answer is read piece by piece, for as long as it lasts. */
  readonly stream: boolean;
  /** Whether it is finished even when its page is left at once. */
  readonly keepalive?: true;
}

/** An answer with a status below 300. */
export interface TransportAnswer {
  readonly status: number;
  /** The whole body; empty for a stream, whose `pieces` come one by one. */
  readonly text: string;
  readonly pieces: ReadableStream<Uint8Array> | null;
}

/** Told of each answer, a refusal too; `startedAt` is `clock.now()` when its request went out. */
export type AnswerListener = (answer: {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly startedAt: number;
}) => void;

export interface TransportOptions {
  readonly baseUrl: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly authentication: Authentication;
  /** How often a call is made at most, when it can be repeated safely. */
  readonly attempts: number;
  /** How long each attempt waits for its answer, of a stream for its beginning. */
  readonly answerWithinMs: number;
  readonly onAnswer: AnswerListener | undefined;
}

/** Makes requests. */
export type Transport = (request: PlainRequest) => Promise<TransportAnswer>;

const BACKOFF = { firstMs: 200, maxMs: 5_000 };
/** A caller who is to wait for longer than this decides by themselves. */
const LONGEST_WAIT_MS = 15_000;

/**
 * Makes requests, and makes them again where that is safe: after a 429 always, since nothing was done; after a 503, or without an answer, when the method
 * is idempotent or the request carries an idempotency key. It waits as long as `Retry-After` says. A 401 is the authentication's to fix, once.
 * @returns a function that throws ProblemError or NoAnswerError
 */
export function createTransport(options: TransportOptions): Transport {
  const { baseUrl, clock, authentication, attempts, onAnswer } = options;

  async function once(
    request: PlainRequest,
    who: Awaited<ReturnType<Authentication["prepare"]>>,
  ): Promise<TransportAnswer> {
    const { method, path, headers, body, signal, stream, keepalive } = request;
    const startedAt = clock.now();
    const tooLate = new AbortController();
    const answered = new AbortController();
    void clock.sleep(options.answerWithinMs, answered.signal).then(() => {
      if (!answered.signal.aborted) tooLate.abort();
    });
    let response: Response;
    let text = "";
    try {
      response = await options.fetch(baseUrl + path, {
        method,
        headers: { ...headers, ...who.headers },
        ...(body === undefined ? {} : { body }),
        ...(keepalive === undefined ? {} : { keepalive }),
        signal: signal === undefined ? tooLate.signal : AbortSignal.any([signal, tooLate.signal]),
        ...(who.credentials === undefined ? {} : { credentials: who.credentials }),
      });
      if (!stream || response.status >= 300) text = await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw new NoAnswerError(`${method} ${path} got no answer`, { cause: error });
    } finally {
      answered.abort();
    }
    onAnswer?.({ method, path, status: response.status, startedAt });
    if (response.status < 300) return { status: response.status, text, pieces: stream ? response.body : null };
    throw refusalOf(response, text);
  }

  /** One attempt, and another one with fresh tokens when the first ones had ended. */
  async function authenticated(request: PlainRequest): Promise<TransportAnswer> {
    const who = await authentication.prepare();
    try {
      return await once(request, who);
    } catch (error) {
      const isUnauthenticated = error instanceof ProblemError && error.problem.code === "UNAUTHENTICATED";
      if (!isUnauthenticated || !(await authentication.refused(who.headers))) throw error;
      return once(request, await authentication.prepare());
    }
  }

  return async function send(request) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await authenticated(request);
      } catch (error) {
        const waitMs = waitBefore(error, request, attempt);
        if (waitMs === undefined || attempt >= attempts) throw error;
        await clock.sleep(waitMs, request.signal);
        request.signal?.throwIfAborted();
      }
    }
  };
}

/** How long to wait before a call is made again, or undefined when it must not be. */
function waitBefore(error: unknown, request: PlainRequest, attempt: number): number | undefined {
  const ownMs = backoffMs(BACKOFF, attempt);
  if (error instanceof NoAnswerError) return isRepeatable(request) ? ownMs : undefined;
  if (!(error instanceof ProblemError)) return undefined;
  const { code, status } = error.problem;
  const isWorthIt = code === "TOO_MANY_REQUESTS" || (status === 503 && isRepeatable(request));
  const waitMs = Math.max(error.retryAfterMs ?? 0, ownMs);
  return isWorthIt && waitMs <= LONGEST_WAIT_MS ? waitMs : undefined;
}

function isRepeatable({ method, headers }: PlainRequest): boolean {
  return (method !== "POST" && method !== "PATCH") || "idempotency-key" in headers;
}
