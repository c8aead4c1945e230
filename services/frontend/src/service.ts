import { allEndpoints } from "@shop/contracts/http/endpoints";
import { getHealth, type Health } from "@shop/contracts/http/health";
import { docsRoutes } from "@shop/docs/routes";
import { createAdmissionControl } from "@shop/http/server/admission";
import { type AppOptions, createApp } from "@shop/http/server/app";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import { addressAtEdge, FORWARDED_FOR } from "@shop/http/server/client-address";
import { createForward, type Forwarding } from "@shop/http/proxy/proxy";
import { createRouteTable } from "@shop/http/server/routes";
import { createStreamPermits, defaultStreamLimits } from "@shop/http/streaming/stream-permits";
import { createUpstreamPool } from "@shop/http/proxy/upstream/pool";
import { healthOf, ownHealth } from "@shop/service/health";
import type { ProcessParts, ServiceRuntime } from "@shop/service/process";
import { createPages } from "./pages/pages.ts";
import { createSessionCookies } from "./session/cookie.ts";
import { createLoginService } from "./session/login-service.ts";
import { createSessions } from "./session/sessions.ts";

interface FrontendDependencies extends ProcessParts, Pick<AppOptions, "addressRateLimit" | "clientAddress"> {
  /** The base addresses of the gateway. */
  readonly gatewayUrls: readonly string[];
  /** From a call being sent on to the first byte of its answer, in milliseconds. */
  readonly upstreamTimeoutMs: number;
  /** Whether browsers come by https. */
  readonly secure: boolean;
  /** How many event streams pass through this process at once. Whose they are only the gateway knows. */
  readonly maxEventStreams?: number;
  readonly rebuildPages: boolean;
}

/** Fewer than the gateway takes, so that a flood is turned away where that costs least. */
const MAX_WAITING = 500;

/** What the gateway answers. It knows the methods of each. */
const forwardedPaths = ["/login", "/login/refresh", "/logout", "/.well-known/jwks.json"];

const callsWithKey = createRouteTable();
const streamCalls = createRouteTable();
for (const { method, path, headers, success } of allEndpoints) {
  if ("idempotency-key" in headers) callsWithKey.add(method, path);
  if (success.stream === true) streamCalls.add(method, path);
}

/** The frontend: the pages, the sessions of browsers, and the way of every call of the API to the gateway. */
export function createFrontend(dependencies: FrontendDependencies): ServiceRuntime {
  const { gatewayUrls, upstreamTimeoutMs, secure, rebuildPages, ...parts } = dependencies;
  const { maxEventStreams = defaultStreamLimits.perProcess } = dependencies;
  const app = createApp({
    ...{ service: "frontend", answerWithinMs: upstreamTimeoutMs, httpsOnly: secure, clientAddress: addressAtEdge(0) },
    ...parts,
  });
  const admission = createAdmissionControl({ ...parts, maxWaiting: MAX_WAITING });
  const forward = createForward({
    ...parts,
    answerWithinMs: upstreamTimeoutMs,
    tooLarge: "tell",
    tellsAddressIn: FORWARDED_FOR,
    admission,
    streams: createStreamPermits({ ...parts, limits: { ...defaultStreamLimits, perProcess: maxEventStreams } }),
  });
  const upstream = createUpstreamPool({ ...parts, name: "gateway", urls: gatewayUrls });
  const cookies = createSessionCookies({ secure });
  const logins = createLoginService({ gateway: upstream, timeoutMs: upstreamTimeoutMs, clock: parts.clock });
  const sessions = createSessions({ ...parts, cookies, logins, admission });
  const pages = createPages({ ...parts, cookies, rebuild: rebuildPages });

  pages.routes(app);
  docsRoutes(app);
  sessions.routes(app);

  async function forwardWithSession(call: RequestCall): Promise<Response> {
    const startedAtMs = parts.clock.elapsed();
    const caller = await sessions.authorize(call);
    if (caller instanceof Response) return caller;
    const { authorization, setCookieIfRefused } = caller;
    const spentMs = parts.clock.elapsed() - startedAtMs;
    const forwarding = { upstream, ...factsOf(call), authorization, spentMs };
    const response = await forward(call, forwarding).catch((error: unknown) => {
      throw caller.setCookie === undefined ? error : withCookie(error, caller.setCookie);
    });
    const isRefused = setCookieIfRefused !== undefined && response.status === 401;
    const setCookie = isRefused ? setCookieIfRefused() : caller.setCookie;
    if (setCookie !== undefined) response.headers.append("set-cookie", setCookie);
    return response;
  }

  const ready = async () => pages.ready();
  app.raw({ ...getHealth, access: "anyone" }, async (call) => {
    const response = await forwardWithSession(call);
    if (!response.ok || call.c.req.method === "HEAD") return response;
    // The gateway's, which is of the same release.
    const { services } = (await response.json()) as Health;
    const own = await ownHealth({ service: "frontend", ready, ...parts });
    return Response.json(healthOf([own, ...services], parts.clock), { headers: withoutLength(response.headers) });
  });
  app.raw({ method: "ANY", path: "/api/*", access: "anyone" }, forwardWithSession);
  for (const path of forwardedPaths) {
    app.raw({ method: "ANY", path, access: "anyone" }, (call) => forward(call, { upstream, ...factsOf(call) }));
  }

  pages.nowhere(app);

  return {
    app,
    /** Ready as soon as its pages are built: without the gateway it still shows them, and calls are told to come again. */
    ready,
    start: () => pages.start(),
    stop: async () => {},
  };
}

/** A refreshed session's new tokens reach the browser also when nobody answers: those that it sent are spent. */
function withCookie(error: unknown, setCookie: string): unknown {
  if (!(error instanceof UnavailableError)) return error;
  return new UnavailableError(error.explanation, { cause: error, headers: { "set-cookie": setCookie } });
}

function withoutLength(given: Headers): Headers {
  const headers = new Headers(given);
  headers.delete("content-length");
  return headers;
}

function factsOf({ c: { req } }: RequestCall): Pick<Forwarding, "takesBody" | "honoursKey" | "stream"> {
  const { method, path } = req;
  return {
    takesBody: method === "POST" || method === "PUT" || method === "PATCH",
    honoursKey: callsWithKey.has(method, path),
    stream: streamCalls.has(method, path) ? "unknown" : undefined,
  };
}
