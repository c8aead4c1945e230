import { expect, test } from "bun:test";
import { createMetrics } from "./metrics.ts";
import { showProcess } from "./process-metrics.ts";

const metrics = createMetrics();
showProcess(metrics, { release: "1.2.3" });
const valueOf = async (name: string) =>
  Number(new RegExp(`^${name}(?:{.*})? (.+)$`, "m").exec(await metrics.expose())?.[1]);

test("a process shows its CPU, memory, file descriptors, event-loop lag and release", async () => {
  for (const name of [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_start_time_seconds",
    "nodejs_heap_size_used_bytes",
  ])
    expect(await valueOf(name)).toBeGreaterThan(0);
  while (!((await valueOf("nodejs_eventloop_lag_p99_seconds")) > 0)) await Bun.sleep(10);
  expect(await metrics.expose()).toContain(`shop_build_info{release="1.2.3",bun="${Bun.version}"} 1`);
});

test("garbage collections are counted, each time anew", async () => {
  const before = await valueOf("gc_collections_total");
  while ((await valueOf("gc_collections_total")) < before + 3) {
    Bun.gc(true);
    await Bun.sleep(10);
  }
}, 60_000);
