import { AuditedService, listAuditEntries } from "@shop/contracts/http/audit";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import { type ServiceName, serviceNames } from "@shop/contracts/services";
import { docsRoutes } from "@shop/docs/routes";
import { createAdmissionControl } from "@shop/http/server/admission";
import { type AppOptions, createApp } from "@shop/http/server/app";
import { addressAtEdge, CLIENT_ADDRESS } from "@shop/http/server/client-address";
import { createForward } from "@shop/http/proxy/proxy";
import { createUpstreamPool, type UpstreamPool } from "@shop/http/proxy/upstream/pool";
import type { RateLimit } from "@shop/http/auth/rate-limit";
import { createStreamPermits, defaultStreamLimits, type StreamLimits } from "@shop/http/streaming/stream-permits";
import type { TokenVerifier } from "@shop/http/auth/token-verifier";
import { ownHealth } from "@shop/service/health";
import type { ProcessParts, ServiceRuntime } from "@shop/service/process";
import { createAskEach } from "./ask.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { explainOrderRoute } from "./explain-order.ts";
import type { SharedRateLimits } from "./shared-rate-limit.ts";
import { mergedList } from "./merged-list.ts";
import { healthRoute } from "./health.ts";

interface GatewayDependencies extends ProcessParts, Pick<AppOptions, "addressRateLimit" | "clientAddress"> {
  readonly verifier: TokenVerifier;
  /** Per user. */
  readonly rateLimit: RateLimit;
  /** The base addresses of each service. */
  readonly urls: Readonly<Record<ServiceName, readonly string[]>>;
  /** Where the limits are counted together with other replicas, if they are. */
  readonly shared?: Pick<SharedRateLimits, "start" | "stop"> | undefined;
  /** Counted over all of its services. */
  readonly streamLimits?: StreamLimits;
  /** From a call being sent on to the first byte of its answer, in milliseconds. */
  readonly upstreamTimeoutMs: number;
  /** Where a trace is shown, with `{traceId}` in the place of its id. */
  readonly traceUrl?: string | undefined;
}

/** What two frontends send at most. */
const MAX_WAITING = 1_000;

/** The gateway: knows every call of the API, checks who makes it and how often, and forwards it to the service that answers it. */
export function createGateway({
  urls,
  upstreamTimeoutMs,
  streamLimits = defaultStreamLimits,
  shared,
  traceUrl,
  ...parts
}: GatewayDependencies): ServiceRuntime {
  const app = createApp({ service: "gateway", clientAddress: addressAtEdge(0), ...parts });
  const forward = createForward({
    ...parts,
    answerWithinMs: upstreamTimeoutMs,
    tooLarge: "refuse",
    tellsAddressIn: CLIENT_ADDRESS,
    admission: createAdmissionControl({ ...parts, maxWaiting: MAX_WAITING }),
    streams: createStreamPermits({ ...parts, limits: streamLimits }),
  });
  const upstreams = Object.fromEntries(
    serviceNames.map((name) => [name, createUpstreamPool({ ...parts, name, urls: urls[name] })]),
  ) as Readonly<Record<ServiceName, UpstreamPool>>;

  for (const endpoint of allEndpoints) {
    // Answered by several services: below.
    if (endpoint.service === "participants" || endpoint.service === "all") continue;
    const forwarding = {
      upstream: upstreams[endpoint.service],
      takesBody: endpoint.body !== undefined,
      honoursKey: "idempotency-key" in endpoint.headers,
    };
    const { success, name } = endpoint;
    app.raw(endpoint, (call) => {
      if (success.stream !== true) return forward(call, forwarding);
      const thing = `${name} ${(call.c.req.param("id") ?? "").toLowerCase()}`;
      return forward(call, { ...forwarding, stream: { userId: call.principal.id, thing } });
    });
  }

  /**
   * Ready as soon as it listens. It holds nothing of its own: what is unavailable, the user service's keys among it, is a 503
   * for the calls that need it, while the others continue. Waiting for services here would take all calls down with one of
   * them, and at a cold start each would wait for another.
   */
  const ready = async () => ({ ready: true, checks: { process: "ok" } });
  const askEach = createAskEach(forward, upstreams);
  const own = () => ownHealth({ service: "gateway", ready, ...parts });
  deadLetterRoutes(app, askEach);
  app.raw(listAuditEntries, (call) => mergedList(askEach, AuditedService.options, call, listAuditEntries.query));
  explainOrderRoute(app, askEach, { clock: parts.clock, traceUrl });
  healthRoute(app, { askEach, services: Object.keys(urls) as readonly ServiceName[], own, clock: parts.clock });

  docsRoutes(app);

  return {
    app,
    ready,
    start: () => shared?.start(),
    stop: async () => shared?.stop(),
  };
}
