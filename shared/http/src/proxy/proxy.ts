import type { Logger } from "@shop/runtime/logger";
import { CONFIGURED, type Metrics } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";
import type { AdmissionControl } from "../server/admission.ts";
import { problem, problemResponse } from "../request/answer.ts";
import { createBodyMemoryBudget } from "../request/body-memory-budget.ts";
import { BODY_WITHIN_MS, MAX_BODY_BYTES, readBounded, withTimeout } from "../request/body.ts";
import type { RequestCall } from "../request/call.ts";
import { UnavailableError } from "../request/errors.ts";
import { isEventStream } from "../streaming/event-stream.ts";
import type { StreamOwner, StreamPermits } from "../streaming/stream-permits.ts";
import { inAttemptSpan } from "./attempt-span.ts";
import type { Target } from "./upstream/address.ts";
import { failureKindOf } from "./upstream/failure-kind.ts";
import type { UpstreamPool } from "./upstream/pool.ts";
import { type CLIENT_ADDRESS, type FORWARDED_FOR } from "../server/client-address.ts";
import { NoAnswerError, readAnswer } from "./upstream-answer.ts";

/** How one call is forwarded. */
export interface Forwarding {
  readonly upstream: UpstreamPool;
  /** Whether the call honours an `Idempotency-Key`: one that has a key may then be carried out twice. */
  readonly honoursKey: boolean;
  /** Whether the call has a body; that of any other call is ignored. */
  readonly takesBody: boolean;
  /** The body, when it was read before because several upstreams are sent the same call. */
  readonly body?: RequestBody;
  /** The caller's own unless the answer is to be read here: nothing comes of a HEAD. */
  readonly method?: "GET";
  /** The `Authorization` of a caller who has shown who they are in another way than by this header. */
  readonly authorization?: string | undefined;
  /** Set where the answer is a stream of events: whose, or that this process does not know. Nothing is opened for a HEAD. */
  readonly stream?: StreamOwner | "unknown" | undefined;
  /** What was done for the call before has taken so long, in milliseconds: it is taken off the time for its answer. */
  readonly spentMs?: number;
}

/**
 * Forwards a call and gives the answer back.
 * @throws UnavailableError when the upstream is unavailable, too slow, or answers something that no service would
 */
export type Forward = (call: RequestCall, forwarding: Forwarding) => Promise<Response>;

interface ForwardOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
  /** From the call being sent to the first piece of its answer's body, the last one of a small answer; in milliseconds. Less while this process is late. */
  readonly answerWithinMs: number;
  /** `refuse` answers 413. `tell` leaves that to the next hop, whose checks of path and token come first. */
  readonly tooLarge: "refuse" | "tell";
  /** What comes when it has no room is refused at once. */
  readonly admission: AdmissionControl;
  /** How long a body may take from the head of its request, in milliseconds; 10 s by default. */
  readonly bodyWithinMs?: number | undefined;
  /** In which header the next hop is told the client's address; it is told none by default. */
  readonly tellsAddressIn?: typeof CLIENT_ADDRESS | typeof FORWARDED_FOR;
  /** The event streams that this process may pass on at once. */
  readonly streams: StreamPermits;
}

/** What a call has waited before it was looked at is taken off the time for its answer, but not more than this part. */
const MOST_TAKEN_OFF = 0.5;

/**
 * What is passed on of a request's headers. Whatever is not named here stays outside: identity headers, those of other
 * proxies and those that are meant for one hop only.
 */
export const PASSED_ON: readonly string[] = [
  "accept",
  "accept-language",
  "authorization",
  "content-encoding",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "last-event-id",
  "tracestate",
  "user-agent",
];
/** Says that a body was too large to pass on. A forged one affects only its own request. */
const BODY_TOO_LARGE = "x-body-too-large";

/** By the contract these do the same when they come twice; a POST does where it honours its `Idempotency-Key`. */
const REPEATABLE_METHODS = ["GET", "HEAD", "PUT", "DELETE"];

const tooLong = problem("INVALID_REQUEST", "The request breaks the rules of this call; see errors.", {
  errors: [{ path: "", message: "the path, the query and the headers are too long together" }],
});
const tooLarge = problem("BODY_TOO_LARGE", `A body may have at most ${MAX_BODY_BYTES} bytes.`);

/**
 * Builds the forwarding of calls, over Bun's keep-alive connections. Which address a call goes to, and whether it is sent
 * again to another one, is the pool's to decide. A kept connection that turns out to be closed is Bun's to replace, for the repeatable methods only.
 */
export function createForward(options: ForwardOptions): Forward {
  const { logger, metrics, tracing, answerWithinMs, tooLarge: onTooLarge, admission, streams, bodyWithinMs } = options;

  const failures = metrics.counter({
    name: "http_upstream_failures_total",
    help: "Calls that an upstream did not answer, or whose answer broke off",
    labels: { upstream: CONFIGURED },
  });

  /** One try: the answer of the upstream, once it is known to be one. */
  async function send(
    call: RequestCall,
    forwarding: Forwarding,
    body: RequestBody,
    target: Target,
    signal: AbortSignal,
    onEnd: () => void,
  ) {
    const { raw } = call.c.req;
    const { upstream, method = raw.method } = forwarding;
    const onBroken = (error: unknown) => {
      if (raw.signal.aborted) return;
      failures.inc({ upstream: upstream.name });
      logger.warn(
        "UPSTREAM_ANSWER_CUT",
        "an upstream broke off within its answer, and so did the answer to the caller",
        {
          upstream: upstream.name,
          requestId: call.requestId,
          error,
        },
      );
    };
    const url = target.url + pathAndQuery(raw.url);
    const init = {
      method,
      headers: headersOf(call, forwarding, body, target, options.tellsAddressIn),
      body: body === "too large" ? undefined : body,
      signal,
      redirect: "manual" as const,
    };
    const answer =
      tracing === undefined
        ? await target.fetch(url, init)
        : await inAttemptSpan(
            tracing,
            { method, url: target.url + call.c.req.path, parent: call.traceparent },
            (traceparent) => {
              init.headers.set("traceparent", traceparent);
              return target.fetch(url, init);
            },
          );
    // Every hop adds headers, so that the next one can refuse what this one has taken. It does so before anything of ours looks at it.
    if (answer.status === 431) return problemResponse(call.c, tooLong);
    const response = await readAnswer(answer, method === "HEAD", { onBroken, onEnd });
    response.headers.set("x-request-id", call.requestId);
    // What the caller still sends of a refused body is not read: the connection cannot carry a further request.
    if (response.status === 413 || response.status === 408) response.headers.set("connection", "close");
    return response;
  }

  const bodies = createBodyMemoryBudget();

  return (call, forwarding) => {
    // Before anything is done for it, its body read included.
    if (!admission.hasRoom()) return Promise.resolve(problemResponse(call.c, admission.refuse()));
    if (forwarding.stream !== undefined && call.c.req.raw.method === "GET") return forwardStream(call, forwarding);
    if (!forwarding.takesBody || forwarding.body !== undefined) return forward(call, forwarding);
    return forwardWithBody(call, forwarding);
  };

  async function forwardWithBody(call: RequestCall, forwarding: Forwarding): Promise<Response> {
    const permit = bodies.acquire(call.c.req.raw);
    if (permit === undefined) return problemResponse(call.c, admission.refuse());
    call.c.req.raw = permit.request;
    try {
      return await forward(call, forwarding);
    } finally {
      permit.release();
    }
  }

  /** A stream has a permit from before it is asked for until its last byte. */
  async function forwardStream(call: RequestCall, forwarding: Forwarding): Promise<Response> {
    const permit = streams.acquire(forwarding.stream === "unknown" ? undefined : forwarding.stream);
    if (permit.kind === "problem") return problemResponse(call.c, permit);
    // A caller who leaves before the answer is read cancels nothing.
    call.c.req.raw.signal.addEventListener("abort", permit.release, { once: true });
    let isOpen = false;
    try {
      const response = await forward(call, forwarding, permit.release);
      isOpen = isEventStream(response) && !call.c.req.raw.signal.aborted;
      return response;
    } finally {
      if (!isOpen) permit.release();
    }
  }

  async function forward(call: RequestCall, forwarding: Forwarding, onEnd = () => {}): Promise<Response> {
    const { raw } = call.c.req;
    const { upstream } = forwarding;
    const body = forwarding.takesBody ? (forwarding.body ?? (await readBody(raw, bodyWithinMs))) : undefined;
    if (body === "too large" && onTooLarge === "refuse") return problemResponse(call.c, tooLarge);
    // Others have come while its body was on its way.
    if (!admission.hasRoom()) return problemResponse(call.c, admission.refuse());

    const leaving = new AbortController();
    const leave = () => leaving.abort();
    raw.signal.addEventListener("abort", leave, { once: true });
    if (raw.signal.aborted) leave();
    let late = false;
    const takenOffMs = Math.min(admission.eventLoopLagMs(), answerWithinMs * MOST_TAKEN_OFF);
    const leftMs = Math.max(0, Math.round(answerWithinMs - takenOffMs - (forwarding.spentMs ?? 0)));
    const timer = setTimeout(() => {
      late = true;
      leaving.abort();
    }, leftMs);

    const answered = admission.enter();
    try {
      return await upstream.send((target, signal) => send(call, forwarding, body, target, signal, onEnd), {
        repeatable: isRepeatable(raw, forwarding),
        signal: leaving.signal,
      });
    } catch (error) {
      // Ends what may still come of the answer.
      leaving.abort();
      const reason = late ? `did not answer within ${leftMs} ms` : reasonOf(error);
      if (!raw.signal.aborted) failures.inc({ upstream: upstream.name });
      throw new UnavailableError(`${upstream.name} ${reason}`, { cause: error });
    } finally {
      answered();
      clearTimeout(timer);
    }
  }
}

function isRepeatable(request: Request, { honoursKey, method }: Forwarding): boolean {
  return (
    REPEATABLE_METHODS.includes(method ?? request.method) || (honoursKey && request.headers.has("idempotency-key"))
  );
}

export type RequestBody = Uint8Array<ArrayBuffer> | "too large" | undefined;

/**
 * Reads the body before anything is sent, so that a slow sender holds no connection of the upstream and none of its time
 * to answer, and so that a second try has it whole.
 * @throws SlowBodyError when it is not whole in time
 */
export async function readBody(request: Request, withinMs: number = BODY_WITHIN_MS): Promise<RequestBody> {
  if (request.headers.has(BODY_TOO_LARGE)) return "too large";
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > MAX_BODY_BYTES) return "too large";
  if (declared >= 0) return new Uint8Array(await withTimeout(request.arrayBuffer(), withinMs));
  return (await withTimeout(readBounded(request.body), withinMs)) ?? "too large";
}

function headersOf(
  call: RequestCall,
  { authorization }: Forwarding,
  body: RequestBody,
  { host }: Target,
  tellsAddressIn: string | undefined,
): Headers {
  const given = call.c.req.raw.headers;
  const headers = new Headers();
  if (host !== undefined) headers.set("host", host);
  for (const name of PASSED_ON) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  if (authorization !== undefined) headers.set("authorization", authorization);
  headers.set("x-request-id", call.requestId);
  headers.set("traceparent", call.traceparent);
  const address = tellsAddressIn === undefined ? undefined : call.clientAddress;
  if (tellsAddressIn !== undefined && address !== undefined) headers.set(tellsAddressIn, address);
  if (body === "too large") headers.set(BODY_TOO_LARGE, "1");
  return headers;
}

/** From the first slash behind the host; the URL of a request is absolute. */
function pathAndQuery(url: string): string {
  return url.slice(url.indexOf("/", url.indexOf("//") + 2));
}

function reasonOf(error: unknown): string {
  if (error instanceof NoAnswerError) return error.explanation;
  return failureKindOf(error) === "refused" ? "refuses connections" : "broke off";
}
