import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";

interface Fetcher {
  readonly fetch: (request: Request, peer?: () => string | undefined) => Response | Promise<Response>;
}

/**
 * The same app with a line in the log for each request: method, path without its query, status, how long the head of the answer took, and the request's
 * id, which leads to its other lines.
 */
export function withAccessLog(
  app: Fetcher,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Fetcher {
  return {
    async fetch(request, peer) {
      const begunAt = clock.elapsed();
      const response = await app.fetch(request, peer);
      logger.info("REQUEST_ANSWERED", "a request was answered", {
        method: request.method,
        path: new URL(request.url).pathname,
        status: response.status,
        ms: Math.round(clock.elapsed() - begunAt),
        requestId: response.headers.get("x-request-id"),
      });
      return response;
    },
  };
}
