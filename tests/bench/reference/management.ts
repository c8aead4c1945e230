import type { ConsumerCounts } from "./consumer.ts";

/** The numbers of batches and records under the names that the product's services use. */
function metricsOf({ batches, records }: ConsumerCounts): string {
  return `consumer_batch_records_count ${batches}\nconsumer_batch_records_sum ${records}\n`;
}

/**
 * Answers `GET /readyz` and `GET /metrics`, and passes everything else on. To be called when the process is ready.
 * @param handle answers other requests; 404 without it
 */
export function serveReference(
  port: number,
  counts: ConsumerCounts,
  handle?: (request: Request) => Promise<Response>,
): void {
  Bun.serve({
    hostname: "127.0.0.1",
    port,
    fetch(request) {
      if (request.url.endsWith("/readyz")) return new Response("ready");
      if (request.url.endsWith("/metrics")) return new Response(metricsOf(counts));
      return handle?.(request) ?? new Response(null, { status: 404 });
    },
  });
}
