import { join } from "node:path";
import { expect, test } from "bun:test";
import { run } from "../support/program.ts";

const FOLDER = join(import.meta.dir, "../../deploy/observability");

test("Prometheus takes its settings and its rules", async () => {
  const said = await run(["promtool", "check", "config", "--lint=all", "--lint-fatal", join(FOLDER, "prometheus.yml")]);
  expect(said).toMatch(/SUCCESS: \d{2} rules found/);
});

test("each alert is silent when it should be, and fires when it should", async () => {
  const files = await Array.fromAsync(new Bun.Glob("*.test.yml").scan({ cwd: FOLDER, absolute: true }));
  expect(files).toHaveLength(2);
  const said = await run(["promtool", "test", "rules", ...files]);
  expect(said.match(/SUCCESS/g)).toHaveLength(2);
});
