import { collectDefaultMetrics } from "prom-client";
import type { Identity } from "./identity.ts";
import type { Metrics } from "./metrics.ts";

/** How often the event loop's lag is sampled, in milliseconds: each sample wakes the process. */
const LAG_SAMPLE_MS = 50;
/** Of prom-client's own: always empty under Bun, or named against Prometheus' conventions. */
const LEFT_OUT = [
  "nodejs_active_handles",
  "nodejs_active_handles_total",
  "nodejs_active_requests",
  "nodejs_active_requests_total",
  "nodejs_active_resources",
  "nodejs_active_resources_total",
  "nodejs_gc_duration_seconds",
  "nodejs_heap_space_size_available_bytes",
  "nodejs_heap_space_size_total_bytes",
  "nodejs_heap_space_size_used_bytes",
];

/**
 * Shows what a process uses: CPU, memory, file descriptors, the lag of its event loop, how often its garbage was collected, and what it was built as.
 * To be called once in a process: it samples the event loop from then on.
 */
export function showProcess({ registry, counter, gauge }: Metrics, { release }: Pick<Identity, "release">): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  for (const name of LEFT_OUT) registry.removeSingleMetric(name);
  gauge(
    {
      name: "shop_build_info",
      help: "What this process was built as",
      labels: { release: [release], bun: [Bun.version] },
    },
    () => [{ labels: { release, bun: Bun.version }, value: 1 }],
  );
  countCollections(
    counter({ name: "gc_collections_total", help: "Garbage collections that freed a young object" }).child({}),
  );
}

/** Held, as a registry that is collected itself says nothing. */
const registries = new Set<FinalizationRegistry<undefined>>();

/** Bun measures no collections, but each one frees an object that nobody holds: another one takes its place. */
function countCollections(count: () => void): void {
  const registry = new FinalizationRegistry<undefined>(() => {
    count();
    registry.register({}, undefined);
  });
  registries.add(registry);
  registry.register({}, undefined);
}
