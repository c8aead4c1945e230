import { describe, expect, test } from "bun:test";
import { suiteOf } from "./suites.ts";

describe("a test file", () => {
  test.each([
    ["shared/runtime/src/backoff.test.ts", "unit"],
    ["services/frontend/src/pages/home.test.tsx", "unit"],
    ["shared/messaging/src/outbox/relay.integration.test.ts", "integration"],
    ["deploy/local/src/postgres.integration.test.ts", "integration"],
    ["tests/guards/lint.test.ts", "guards"],
    ["tests/e2e/journey.test.ts", "end-to-end"],
    ["tests/browser/customer.test.ts", "browser"],
    ["tests/sim/seeds.test.ts", "simulation"],
    ["tests/faults/kill.test.ts", "faults"],
    ["tests/observability/alerts.test.ts", "observability"],
    ["tests/bench/guard/cost.test.ts", "bench"],
    ["tests/bench/driver/load.test.ts", "unit"],
    ["tests/containers/compose.test.ts", "containers"],
    ["tests/cluster/cluster.test.ts", "cluster"],
    ["tests/restore/restore.test.ts", "restore"],
    ["tests/manifests/kubernetes.test.ts", "manifests"],
    ["tests/package/client.test.ts", "package"],
    ["tests/fuzz/fuzz.test.ts", "fuzz"],
  ] as const)("%s is run with the suite %s", (path, suite) => {
    expect(suiteOf(path)).toBe(suite);
  });
});
