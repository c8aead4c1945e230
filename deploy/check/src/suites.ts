import { join } from "node:path";
import type { Need } from "./prerequisites.ts";

/** Tests that run together. Every test file of the repository belongs to exactly one suite. */
export interface Suite {
  readonly name:
    | "unit"
    | "guards"
    | "integration"
    | "end-to-end"
    | "browser"
    | "simulation"
    | "observability"
    | "faults"
    | "bench"
    | "containers"
    | "cluster"
    | "restore"
    | "manifests"
    | "package"
    | "fuzz";
  /** Whether its tests use PostgreSQL and Kafka, which are then started once for all of them. */
  readonly needsServers: boolean;
  /** For a test that states no time of its own. It ends what hangs, and is several times what a slow machine needs: no test measures the machine. */
  readonly testTimeoutMs: number;
  /**
   * Whether each file has a process of its own. It costs 0.1 s a file; in turn one that hangs takes no other's result with it, and no file finds
   * what another has left behind.
   */
  readonly fileByFile: boolean;
  /** How many of these processes run side by side: more than one where tests wait more than they work, and own what they use. */
  readonly filesAtOnce: number;
  /** Whether it runs only when it is named. */
  readonly onRequest: boolean;
  /** What its tests need that not every machine has. Where it is missing, the suite is counted as skipped. */
  readonly needs?: Need;
}

const usual = { needsServers: true, fileByFile: true, filesAtOnce: 1, onRequest: false };

export const SUITES: readonly Suite[] = [
  { ...usual, name: "unit", needsServers: false, filesAtOnce: 3, testTimeoutMs: 60_000 },
  { ...usual, name: "guards", needsServers: false, fileByFile: false, testTimeoutMs: 120_000 },
  { ...usual, name: "integration", filesAtOnce: 3, testTimeoutMs: 120_000 },
  { ...usual, name: "end-to-end", filesAtOnce: 2, testTimeoutMs: 180_000 },
  { ...usual, name: "browser", needs: "chromium", filesAtOnce: 2, testTimeoutMs: 240_000 },
  { ...usual, name: "simulation", testTimeoutMs: 240_000 },
  { ...usual, name: "observability", needs: "prometheus", testTimeoutMs: 240_000 },
  { ...usual, name: "faults", testTimeoutMs: 240_000 },
  // Its servers are its own, whose CPU it reads.
  { ...usual, name: "bench", needsServers: false, needs: "servers beside it", testTimeoutMs: 900_000 },
  {
    ...usual,
    name: "containers",
    needsServers: false,
    needs: "docker",
    onRequest: true,
    testTimeoutMs: 240_000,
  },
  {
    ...usual,
    name: "cluster",
    needsServers: false,
    needs: "docker",
    onRequest: true,
    testTimeoutMs: 240_000,
  },
  {
    ...usual,
    name: "restore",
    needsServers: false,
    needs: "docker",
    onRequest: true,
    testTimeoutMs: 240_000,
  },
  {
    ...usual,
    name: "manifests",
    needsServers: false,
    needs: "manifest tools",
    onRequest: true,
    testTimeoutMs: 240_000,
  },
  { ...usual, name: "package", needsServers: false, needs: "npm", testTimeoutMs: 240_000 },
  { ...usual, name: "fuzz", needs: "python", onRequest: true, testTimeoutMs: 240_000 },
];

const FOLDERS = ["deploy", "services", "shared", "tests"];

/** @param path of a test file, from the root of the repository */
export function suiteOf(path: string): Suite["name"] {
  if (path.startsWith("tests/guards/")) return "guards";
  if (path.startsWith("tests/e2e/") || path.startsWith("tests/security/")) return "end-to-end";
  if (path.startsWith("tests/browser/")) return "browser";
  if (path.startsWith("tests/sim/")) return "simulation";
  if (path.startsWith("tests/observability/")) return "observability";
  if (path.startsWith("tests/faults/")) return "faults";
  if (path.startsWith("tests/bench/guard/")) return "bench";
  if (path.startsWith("tests/containers/")) return "containers";
  if (path.startsWith("tests/cluster/")) return "cluster";
  if (path.startsWith("tests/restore/")) return "restore";
  if (path.startsWith("tests/manifests/")) return "manifests";
  if (path.startsWith("tests/package/")) return "package";
  if (path.startsWith("tests/fuzz/")) return "fuzz";
  return /\.integration\.test\.tsx?$/.test(path) ? "integration" : "unit";
}

/** The test files of a suite, from the root of the repository. */
export async function filesOf(suite: Suite["name"], root: string): Promise<readonly string[]> {
  const files = await testFilesOf(root);
  return files.filter((path) => suiteOf(path) === suite).toSorted();
}

/** Every test file, from the root of the repository. */
export function testFilesOf(root: string): Promise<readonly string[]> {
  return find("**/*.test.{ts,tsx}", root);
}

/** Every source, tests among them, from the root of the repository. */
export function sourcesOf(root: string): Promise<readonly string[]> {
  return find("**/*.{ts,tsx}", root);
}

async function find(glob: string, root: string): Promise<readonly string[]> {
  const files = await Promise.all(
    FOLDERS.map(async (folder) => {
      const found = await Array.fromAsync(new Bun.Glob(glob).scan(join(root, folder)));
      return found.map((path) => `${folder}/${path}`);
    }),
  );
  return files.flat().filter((path) => !path.includes("node_modules/"));
}
