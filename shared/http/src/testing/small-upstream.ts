/**
 * A process of its own that answers for an upstream: run with a port and a name. It tells its name in each answer, and writes the
 * `X-Order` of every POST that it carries out to standard output. SIGTERM stops it as the services stop.
 */
import { systemClock } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { createMetrics } from "@shop/runtime/metrics";
import { stopInOrder, stopOnSignal } from "@shop/runtime/shutdown";
import { createManagementApp } from "../server/management.ts";
import { serve } from "../server/serve.ts";

const [port = "0", name = "", drainMs = "500"] = process.argv.slice(2);
const logger = createLogger({ service: name, level: "error", clock: systemClock });
const listening = serve({
  app: {
    async fetch(request) {
      const order = request.headers.get("x-order");
      if (order !== null && request.method === "POST") process.stdout.write(`${order}\n`);
      // As long as a look into a database takes.
      await Bun.sleep(2);
      return Response.json({ name });
    },
  },
  managementApp: createManagementApp({ metrics: createMetrics(), ready: async () => ({ ready: true, checks: {} }) }),
  port: Number(port),
  managementPort: 0,
  logger,
  drainMs: Number(drainMs),
});
stopOnSignal(() => stopInOrder([{ name: "HTTP", stop: () => listening.stop() }], logger), logger);
