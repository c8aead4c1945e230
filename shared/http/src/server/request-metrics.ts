import { CALL_SECONDS, CONFIGURED, type Metrics, OTHER } from "@shop/runtime/metrics";

/** Observes one request of a route: its status, how long it took, in seconds, and the id of its trace, if that is sampled. */
export type ObserveRequest = (request: Request, status: number, seconds: number, traceId?: string) => void;

export const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** Shown for an answer that nobody has got: the caller had left. No server sends it; nginx writes it into its logs. */
const CALLER_LEFT = 499;

/** What a process shows of the requests that it answers. An answer that continues, such as an event stream, is measured up to its head. */
export function createRequestMetrics(metrics: Metrics) {
  const durations = metrics.histogram(
    {
      name: "http_request_duration_seconds",
      help: "Time from a request's head to its answer's, by route and status; 499 when the caller had left",
      labels: { method: METHODS, route: CONFIGURED, status: CONFIGURED },
    },
    CALL_SECONDS,
    { hasExemplars: true },
  );
  const errors = metrics.counter({
    name: "http_server_errors_total",
    help: "Requests that were answered with a status of 500 or more",
    labels: { status: ["500", "502", "503", "504"] },
  });
  const slowBodies = metrics.counter({
    name: "http_slow_bodies_total",
    help: "Requests whose body did not arrive in time",
  });
  const measured = {
    /** Requests that have begun and are not answered. */
    inFlight: 0,
    slowBody: (): void => slowBodies.inc({}),
    /** @param route its path with parameters in braces */
    route(route: string): ObserveRequest {
      const children = new Map<string, (seconds: number, traceId?: string) => void>();
      return (request, answered, seconds, traceId) => {
        // A request's signal costs, so it is looked at only where it matters.
        const status = answered >= 500 && request.signal.aborted ? CALLER_LEFT : answered;
        if (status >= 500) errors.inc({ status: String(status) });
        const method = METHODS.includes(request.method) ? request.method : OTHER;
        const key = `${method} ${status}`;
        let observe = children.get(key);
        if (observe === undefined) {
          observe = durations.child({ method, route, status: String(status) });
          children.set(key, observe);
        }
        observe(seconds, traceId);
      };
    },
  };
  metrics.gauge(
    { name: "http_requests_in_flight", help: "Requests that have begun and are not answered yet" },
    () => measured.inFlight,
  );
  return measured;
}
