import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChecks } from "./checks.ts";

const FILES: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ scripts: { types: "true", lint: "echo a breach in main.ts; exit 1" } }),
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

async function run(name: string) {
  const said: string[] = [];
  const checks = createChecks({ root, environment: process.env, say: (line) => said.push(line) });
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
