import { type Context, Hono, type MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import type { Endpoint, EventStreamEndpoint } from "@shop/contracts/http/define";
import type { ServiceName } from "@shop/contracts/services";
import type { Clock } from "@shop/runtime/clock";
import { errorText } from "@shop/runtime/errors";
import { isUuid } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";
import { type Answer, problem, type ProblemAnswer, problemResponse } from "../request/answer.ts";
import { createAuthentication, unauthenticated } from "../auth/authentication.ts";
import { createBodyMemoryBudget } from "../request/body-memory-budget.ts";
import { BODY_WITHIN_MS, readJsonBody, SlowBodyError } from "../request/body.ts";
import { EndpointCall, RequestCall } from "../request/call.ts";
import { addressFromGateway, type ClientAddressEnvironment, type ClientAddressRule } from "./client-address.ts";
import { withDeadline } from "./deadline.ts";
import { UnavailableError } from "../request/errors.ts";
import { EVENT_STREAM, type EventsAnswer, eventStreamBody, type NoMoreEvents } from "../streaming/event-stream.ts";
import { isList, listText, listTypeOf } from "../request/list-formats.ts";
import { bearerToken, type Principal } from "../auth/principal.ts";
import type { RateLimit } from "../auth/rate-limit.ts";
import { createRequestMetrics } from "./request-metrics.ts";
import { beginRequest, recordRequest } from "./request-span.ts";
import { requestIdOf, type RequestVariables, type ShopContext, traceparentOf } from "./request-id.ts";
import { createRouter, createRouteTable, honoPath } from "./routes.ts";
import { createStreamPermits, defaultStreamLimits, type StreamPermits } from "../streaming/stream-permits.ts";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import { validatorsOf } from "../request/validation.ts";

/** Told of a page of a list that is about to be given as a file of `type`. When it fails, nothing is given. */
export type OnExport = (call: RequestCall, endpoint: Endpoint, type: string) => Promise<void>;

export interface AppOptions {
  readonly service: ServiceName | "gateway" | "frontend";
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
  /** Needed as soon as an endpoint is not for anyone. */
  readonly verifier?: Pick<TokenVerifier, "verify">;
  /** Per user, taken after the token was verified. */
  readonly rateLimit?: RateLimit;
  /** Per address, off unless given: behind a layer-4 balancer all clients share one. */
  readonly addressRateLimit?: { readonly limit: RateLimit; readonly addressOf: (c: Context) => string | undefined };
  /** How the client's address is known; by default the gateway tells it. */
  readonly clientAddress?: ClientAddressRule;
  /** Called before a page of a list is given as CSV or JSON lines. */
  readonly onExport?: OnExport;
  /** Whether a fault means that the database (or what else is needed) is unavailable: 503 instead of 500. */
  readonly isUnavailable?: (error: unknown) => boolean;
  /** Whether the process still prepares what it needs, as every start does: a call that it cannot answer yet is no warning. */
  readonly isStarting?: () => boolean;
  /** The event streams that this process may hold open; by default as many as `defaultStreamLimits` says. */
  readonly streams?: StreamPermits;
  /** How long a body may take from the head of its request, in milliseconds; 10 s by default. */
  readonly bodyWithinMs?: number | undefined;
  /** How long a handler may take before its caller gets a 503, in milliseconds; the contract promises one within 2 s. */
  readonly answerWithinMs?: number;
  /** Whether browsers come by https, and are to come in no other way for a year (HSTS, RFC 6797); each answer says so. */
  readonly httpsOnly?: boolean;
}

type Parsed<Schema extends z.ZodType | undefined> = Schema extends z.ZodType ? z.input<Schema> : undefined;
type Returned<Value> = Value | Promise<Value>;

/** A call that is answered with a response of one's own: a forwarded one, a page, a document. */
export interface RawRoute {
  readonly method: Endpoint["method"] | "ANY";
  /** With parameters in braces; a `*` at the end stands for any rest. */
  readonly path: string;
  readonly access: Endpoint["access"];
}

/** The HTTP side of a service. */
export interface HttpApp {
  /**
   * Answers an endpoint. Everything before `handler` happens here, in the contract's order of checks:
   * 404 and 405, 401, 429, 403, 413, 415, 400, 422, and 404 for an id that is no UUID. A handler continues with 404, 412 and 409.
   */
  handle<
    Body extends z.ZodType | undefined,
    Query extends z.ZodType | undefined,
    Success extends z.ZodType | undefined,
  >(
    endpoint: Endpoint<Body, Query, Success>,
    handler: (call: EndpointCall<Body, Query>) => Returned<Answer<Parsed<Success>>>,
  ): void;
  /** Answers an endpoint with a stream of events, after the same checks. Only the beginning of it has the deadline of an answer. */
  handleEvents<Event extends z.ZodType>(
    endpoint: EventStreamEndpoint<Event>,
    handler: (
      call: EndpointCall<undefined, undefined>,
    ) => Returned<EventsAnswer<z.input<Event>> | NoMoreEvents | ProblemAnswer>,
  ): void;
  /** Answers with what `handler` returns, after the checks that need no body: 404 and 405, 401, 429, 403. */
  raw(route: RawRoute, handler: (call: RequestCall) => Returned<Response>): void;
  /** @param peer the address of who is connected, asked for when it is needed */
  readonly fetch: (request: Request, peer?: () => string | undefined) => Response | Promise<Response>;
  /** For tests: hono's `app.request()`. */
  readonly request: Hono["request"];
}

type Handler = MiddlewareHandler<{ Variables: RequestVariables }>;

const unavailable = problem("UNAVAILABLE", "Something that this call needs is away. Try again.", {
  retryAfterSeconds: 1,
});
const notFound = problem("NOT_FOUND", "There is nothing here.");
const tooSlow = problem("REQUEST_TIMEOUT", "The body took too long to arrive. Send it at once.");
const internal = problem("INTERNAL", "Something went wrong here. The request id leads to the log.");

export function createApp(options: AppOptions): HttpApp {
  const { logger, metrics, clock, isUnavailable = () => false, answerWithinMs = 1_500, httpsOnly = false } = options;
  const {
    tracing,
    bodyWithinMs = BODY_WITHIN_MS,
    isStarting = () => false,
    clientAddress = addressFromGateway,
  } = options;
  const hono = new Hono<{ Variables: RequestVariables }>({ router: createRouter() });
  const routes = createRouteTable();
  const authentication = createAuthentication(options);
  const measured = createRequestMetrics(metrics);
  const isAway = (error: unknown) => error instanceof UnavailableError || isUnavailable(error);

  /** The last thing that is done to each answer. */
  function finished(response: Response): Response {
    if (httpsOnly) response.headers.set("strict-transport-security", "max-age=31536000");
    return response;
  }

  function answerNowhere(c: ShopContext): Response {
    const methods = routes.methodsOf(c.req.path);
    if (methods.length === 0 || methods.includes("ANY")) return problemResponse(c, notFound);
    const allow = methods.join(", ");
    return problemResponse(c, problem("METHOD_NOT_ALLOWED", `Allowed here: ${allow}.`), { allow });
  }

  function answerFault(error: Error, c: ShopContext): Response {
    if (error instanceof HTTPException && error.status === 400) {
      return problemResponse(c, problem("MALFORMED_BODY", "The body is not JSON."));
    }
    if (error instanceof SlowBodyError) {
      measured.slowBody();
      return problemResponse(c, tooSlow);
    }
    const facts = {
      requestId: requestIdOf(c),
      traceparent: traceparentOf(c),
      method: c.req.method,
      path: c.req.path,
    };
    if (c.req.raw.signal.aborted) {
      logger.debug("CALLER_LEFT", "the caller left before the answer", { ...facts, error });
      return problemResponse(c, unavailable);
    }
    if (isAway(error)) {
      // Its stack says nothing about what is unavailable, and under load there are many such lines.
      logger[isStarting() ? "info" : "warn"](
        "REQUEST_UNAVAILABLE",
        "a request could not be answered: a dependency is unavailable",
        {
          ...facts,
          reason: errorText(error),
        },
      );
      return problemResponse(c, unavailable, error instanceof UnavailableError ? error.headers : {});
    }
    logger.error("REQUEST_FAILED", "a request failed unexpectedly", { ...facts, error });
    return problemResponse(c, internal);
  }

  const observeUnmatched = measured.route("none");
  hono.notFound((c) => {
    const response = answerNowhere(c);
    observeUnmatched(c.req.raw, response.status, 0);
    return finished(response);
  });
  hono.onError((error, c) => finished(answerFault(error, c)));

  /**
   * One handler a route: what comes before the answer is called in its order here, since hono's chain of middleware costs several promises a link.
   * @param answer called for who may make the call
   */
  function register(
    { method, path, access }: RawRoute,
    answer: (c: ShopContext, principal: Principal | undefined) => Returned<Response>,
  ): void {
    routes.add(method, path);
    const authenticate = authentication(access);
    const observe = measured.route(path);
    const handler: Handler = async (c) => {
      const begunAt = clock.elapsed();
      const startedAt = tracing === undefined ? 0 : beginRequest(tracing, c);
      let response: Response;
      measured.inFlight += 1;
      try {
        const caller = await authenticate(c);
        response = caller instanceof Response ? caller : await answer(c, caller);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        response = answerFault(error, c);
      } finally {
        measured.inFlight -= 1;
      }
      response = withRequestId(response, requestIdOf(c));
      const rateLimit = c.get("rateLimit");
      if (rateLimit !== undefined) {
        // A hop behind may have counted it, too.
        response.headers.append("ratelimit-policy", rateLimit.policy);
        response.headers.append("ratelimit", rateLimit.limit);
      }
      if (c.req.method === "HEAD") await tellLength(response);
      const traceId =
        tracing === undefined
          ? undefined
          : recordRequest(tracing, c, { route: path, status: response.status, startedAt });
      observe(c.req.raw, response.status, (clock.elapsed() - begunAt) / 1_000, traceId);
      return finished(response);
    };
    hono.on(method === "ANY" ? "ALL" : method, [honoPath(path)], handler);
  }

  const bodies = createBodyMemoryBudget();
  const readBodyInTime = readJsonBody(bodyWithinMs);

  function answerWith<Body extends z.ZodType | undefined, Query extends z.ZodType | undefined, Value>(
    endpoint: Endpoint<Body, Query>,
    handler: (call: EndpointCall<Body, Query>) => Returned<Value>,
    toResponse: (c: ShopContext, value: Value, call: EndpointCall<Body, Query>) => Response,
  ): void {
    const hasId = endpoint.path.includes("{");
    const validators = validatorsOf(endpoint);

    async function answer(c: ShopContext, principal: Principal | undefined): Promise<Response> {
      for (const validate of validators) {
        const refusal = await validate(c);
        if (refusal !== undefined) return refusal;
      }
      const id = hasId ? (c.req.param("id") ?? "") : "";
      if (hasId && !isUuid(id)) return problemResponse(c, notFound);
      const call = new EndpointCall<Body, Query>(c, principal, id.toLowerCase());
      const value = await withDeadline(handler(call), {
        ms: answerWithinMs,
        clock,
        name: endpoint.name,
        onLate: () => call.end(),
        onLateFault(error) {
          // That something is unavailable was told with the answer.
          const level = isAway(error) ? "debug" : "error";
          logger[level]("REQUEST_FAILED_LATE", "a request failed after its caller was answered 503", {
            endpoint: endpoint.name,
            error,
          });
        },
      });
      return toResponse(c, value, call);
    }

    async function answerWithBody(c: ShopContext, principal: Principal | undefined): Promise<Response> {
      const permit = bodies.acquire(c.req.raw);
      if (permit === undefined) return problemResponse(c, unavailable);
      c.req.raw = permit.request;
      try {
        return (await readBodyInTime(c)) ?? (await answer(c, principal));
      } finally {
        permit.release();
      }
    }

    register(endpoint, endpoint.body === undefined ? answer : answerWithBody);
  }

  let permits = options.streams;

  /**
   * A stream continues for as long as its token is good: it ends with it, and within 5 s of the withdrawal of its key. While the keys cannot be fetched it
   * continues.
   */
  async function isGranted(token: string): Promise<boolean> {
    try {
      return (await options.verifier?.verify(token)) !== undefined;
    } catch (error) {
      if (error instanceof UnavailableError) return true;
      throw error;
    }
  }

  function handleEvents<Event extends z.ZodType>(
    endpoint: EventStreamEndpoint<Event>,
    handler: (
      call: EndpointCall<undefined, undefined>,
    ) => Returned<EventsAnswer<z.input<Event>> | NoMoreEvents | ProblemAnswer>,
  ): void {
    const streams = (permits ??= createStreamPermits({ limits: defaultStreamLimits, metrics }));
    const ownerOf = ({ principal, id }: EndpointCall<undefined, undefined>) => ({
      userId: principal.id,
      thing: `${endpoint.name} ${id}`,
    });
    const refusalOf = (call: EndpointCall<undefined, undefined>) => {
      // Calls are taken for some seconds behind the end of a token, streams are not: each would end as it begins.
      if (call.principal.expiresAtMs <= clock.now()) return unauthenticated;
      return call.c.req.method === "HEAD" ? undefined : streams.refusalOf(ownerOf(call));
    };

    answerWith(
      endpoint,
      (call) => refusalOf(call) ?? handler(call),
      (c, answer, call) => {
        if (answer.kind === "problem") return problemResponse(c, answer);
        const headers = { "cache-control": "no-store", "x-request-id": requestIdOf(c) };
        if (answer.kind === "noMoreEvents") return new Response(null, { status: 204, headers });
        // `x-accel-buffering` keeps proxies of the nginx family from holding events back.
        const all = { ...headers, "content-type": EVENT_STREAM, "x-accel-buffering": "no" };
        if (c.req.method === "HEAD") return new Response(null, { headers: all });
        const permit = streams.acquire(ownerOf(call));
        if (permit.kind === "problem") return problemResponse(c, permit);
        // A caller who leaves before the answer is read cancels nothing.
        c.req.raw.signal.addEventListener("abort", permit.release, { once: true });
        if (c.req.raw.signal.aborted) permit.release();
        const token = bearerToken(c.req.raw.headers) ?? "";
        const body = eventStreamBody(answer.open, clock, {
          endsAtMs: call.principal.expiresAtMs,
          isGranted: () => isGranted(token),
          onEnd: permit.release,
        });
        return new Response(body, { headers: all });
      },
    );
  }

  const environmentOf = (peer: () => string | undefined = () => undefined): ClientAddressEnvironment => ({
    clientAddress: (headers) => clientAddress(headers, peer),
  });

  /** The same answer, once whoever records exports has heard of it. */
  function recorded<Call extends RequestCall, Value>(
    endpoint: Endpoint,
    handler: (call: Call) => Returned<Answer<Value>>,
  ): (call: Call) => Returned<Answer<Value>> {
    const { onExport } = options;
    if (onExport === undefined || !isList(endpoint)) return handler;
    return async (call) => {
      const answer = await handler(call);
      const type = call.c.req.method === "GET" ? listTypeOf(call.c.req.header("accept")) : undefined;
      if (type !== undefined && answer.kind === "done") await onExport(call, endpoint, type);
      return answer;
    };
  }

  return {
    handle: (endpoint, handler) => answerWith(endpoint, recorded(endpoint, handler), answerOf(endpoint)),
    handleEvents,
    raw(route, handler) {
      register(route, (c, principal) => handler(new RequestCall(c, principal)));
    },
    fetch: (request, peer) => hono.fetch(request, environmentOf(peer)),
    request: (input, init) => hono.request(input, init, environmentOf()),
  };
}

/**
 * Tells the caller of a HEAD how long the answer to GET is, as far as that is known here: of an answer that was forwarded its own server has
 * said it, and a stream has no length. Bun would say 0.
 */
async function tellLength({ status, headers, body }: Response): Promise<void> {
  const isStream = headers.get("content-type")?.startsWith(EVENT_STREAM) ?? false;
  if (status === 204 || status === 304 || headers.has("content-length") || isStream || body === null) return;
  const { byteLength } = await new Response(body).arrayBuffer();
  headers.set("content-length", String(byteLength));
}

/** An answer that was made elsewhere, such as a document's, may be another one's too: it is not changed. */
function withRequestId(response: Response, requestId: string): Response {
  if (response.headers.get("x-request-id") === requestId) return response;
  const headers = new Headers(response.headers);
  headers.set("x-request-id", requestId);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

/** Turns what a handler returned into the response. What depends on the endpoint alone is settled once. */
function answerOf(endpoint: Endpoint): (c: ShopContext, answer: Answer<unknown>) => Response {
  const { access, method, success, service } = endpoint;
  // Lists of several services are put together from JSON by the gateway.
  const hasFormats = isList(endpoint) && service !== "participants" && service !== "all";
  const cacheControl = access !== "anyone" || method !== "GET" ? { "cache-control": "no-store" } : {};
  const contentType = success.schema === undefined ? {} : { "content-type": "application/json" };
  const fixedHeaders = { ...contentType, ...cacheControl };
  return (c, answer) => {
    if (answer.kind === "problem") return problemResponse(c, answer);
    if (answer.kind === "notModified") {
      return new Response(null, {
        status: 304,
        headers: { ...cacheControl, "x-request-id": requestIdOf(c), ...answer.headers },
      });
    }
    const listed = hasFormats
      ? listText(c.req.header("accept"), answer.body as Parameters<typeof listText>[1])
      : undefined;
    if (listed !== undefined)
      return new Response(listed.text, {
        headers: { ...cacheControl, "x-request-id": requestIdOf(c), ...listed.headers },
      });
    return new Response(success.schema === undefined ? null : JSON.stringify(answer.body), {
      status: success.status,
      headers: { ...fixedHeaders, "x-request-id": requestIdOf(c), ...answer.headers },
    });
  };
}
