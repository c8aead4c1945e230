import { Hono } from "hono";
import type { Metrics } from "@shop/runtime/metrics";

/** Whether a process can do its work, and how each of its parts is. */
export interface Readiness {
  readonly ready: boolean;
  /** A word or a sentence per part: `{database: "ok", kafka: "connecting"}`. */
  readonly checks: Readonly<Record<string, string>>;
}

interface ManagementOptions {
  readonly ready: () => Promise<Readiness>;
  readonly metrics: Metrics;
}

/**
 * The app of the management port, which is never published: `/livez` (the process runs), `/readyz` (it can work, else 503)
 * and `/metrics` (Prometheus' text format, or OpenMetrics for who asks for it).
 */
export function createManagementApp({ ready, metrics }: ManagementOptions): Hono {
  const app = new Hono();
  app.get("/livez", (c) => c.json({ live: true }));
  app.get("/readyz", async (c) => {
    const readiness = await ready();
    return c.json(readiness, readiness.ready ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    const { contentType, text } = await metrics.exposeAs(c.req.header("accept"));
    return c.body(text, 200, { "content-type": contentType });
  });
  return app;
}
