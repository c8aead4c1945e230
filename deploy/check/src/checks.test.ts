import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChecks } from "./checks.ts";

const FILES: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({
    name: "seeded",
    scripts: {
      types: "true",
      lint: "echo a breach in main.ts; exit 1",
      "format:check": `echo "Finished in 1ms on \${LOOKED_AT:-4} files using 2 threads."`,
    },
    dependencies: { zod: "4.6.7" },
  }),
  "bun.lock": JSON.stringify({
    lockfileVersion: 1,
    workspaces: { "": { name: "seeded", dependencies: { zod: "4.6.7" } } },
    packages: { zod: ["zod@4.6.7", "", {}, "sha512-"] },
  }),
  "services/order/src/a.test.ts": `import { test } from "bun:test"; test("one", () => {}); test("two", () => {});`,
  "shared/runtime/src/b.test.ts": `import { expect, test } from "bun:test"; test("three", () => expect(1).toBe(2));`,
  "deploy/local/src/c.integration.test.ts": `import { test } from "bun:test"; test("elsewhere", () => {});`,
  "tests/support/d.ts": "",
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "checks-"));
  for (const [path, content] of Object.entries(FILES)) await Bun.write(join(root, path), content);
});
afterAll(() => rm(root, { recursive: true }));

async function run(name: string, settings: Readonly<Record<string, string>> = {}) {
  const said: string[] = [];
  const environment = { ...process.env, ...settings };
  const checks = createChecks({ root, environment, say: (line) => said.push(line) });
  const tally = await checks.all.find((check) => check.name === name)?.run();
  await checks.stop();
  return { tally, said: said.join("\n") };
}

test("a tool that finds nothing is one test passed, one that finds something one failed, and says what", async () => {
  expect(await run("types")).toMatchObject({ tally: { passed: 1, failed: 0 }, said: "" });
  const { tally, said } = await run("lint");
  expect(tally).toMatchObject({ passed: 0, failed: 1 });
  expect(said).toContain("a breach in main.ts");
});

test("a tool that looked at fewer files than there are sources has failed, and says how many", async () => {
  expect(await run("format")).toMatchObject({ tally: { passed: 1, failed: 0 } });
  const { tally } = await run("format", { LOOKED_AT: "3" });
  expect(tally).toMatchObject({ passed: 0, failed: 1 });
  expect(tally?.remarks.join()).toContain("looked at 3 files, and there are 4 sources");
});

describe("the audit of packages", () => {
  const auditBy = async (answer: () => Response) => {
    const registry = Bun.serve({ port: 0, fetch: answer });
    const tally = await run("audit", { NPM_CONFIG_REGISTRY: registry.url.href });
    await registry.stop(true);
    return tally;
  };
  const advisory = (severity: string) => () =>
    Response.json({
      zod: [{ id: 1, title: "a fault", severity, url: "https://example.org", vulnerable_versions: "*" }],
    });

  test("passes without a severe advisory, and fails with one and shows it", async () => {
    expect(await auditBy(() => Response.json({}))).toMatchObject({ tally: { passed: 1, failed: 0 } });
    expect(await auditBy(advisory("low"))).toMatchObject({ tally: { passed: 1, failed: 0 } });
    const { tally, said } = await auditBy(advisory("critical"));
    expect(tally).toMatchObject({ passed: 0, failed: 1 });
    expect(said).toContain("a fault");
  });

  test("has not run where the registry does not answer it", async () => {
    const notRun = { tally: { passed: 0, failed: 0, notRun: "the package registry answers no audit" } };
    expect(await auditBy(() => new Response(null, { status: 405 }))).toMatchObject(notRun);
    expect(await run("audit", { NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/" })).toMatchObject(notRun);
  });
});

test("a suite whose tools are missing has not run, and says what is missing", async () => {
  const bare = { PATH: "/nowhere", HOME: root, CHROMIUM_PATH: "", PLAYWRIGHT_BROWSERS_PATH: root };
  const reasons = ["browser", "bench", "containers", "cluster", "restore", "manifests", "package", "fuzz"].map(
    async (name) => {
      const { tally } = await run(name, bare);
      return [name, tally?.passed, tally?.failed, tally?.notRun];
    },
  );
  expect(await Promise.all(reasons)).toEqual([
    ["browser", 0, 0, "no Chromium"],
    ["bench", 0, 0, "no Kafka outside of containers"],
    ["containers", 0, 0, "no Docker engine"],
    ["cluster", 0, 0, "no Docker engine"],
    ["restore", 0, 0, "no Docker engine"],
    ["manifests", 0, 0, "no kubectl and no terraform and no python3 with venv"],
    ["package", 0, 0, "no Node.js with npm"],
    ["fuzz", 0, 0, "no python3 from 3.11 on with venv"],
  ]);
});

test("a suite counts its own tests, over all folders", async () => {
  expect(await run("unit")).toMatchObject({ tally: { passed: 2, failed: 1 } });
});

test("a suite without a test has failed", async () => {
  expect(await run("guards")).toMatchObject({ tally: { passed: 0, failed: 1 } });
});

test("after a stop nothing is started any more", async () => {
  const checks = createChecks({ root, environment: process.env, say: () => undefined });
  await checks.stop();
  const types = checks.all.find(({ name }) => name === "types");
  await expect(types?.run()).rejects.toThrow("Nothing is run any more");
});
