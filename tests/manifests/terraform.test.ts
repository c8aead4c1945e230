import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/program.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "terraform-"));
});
afterAll(() => rm(folder, { recursive: true }));

const terraform = (...words: readonly string[]) =>
  run(["terraform", "-chdir=deploy/terraform", ...words], { TF_DATA_DIR: folder, TF_IN_AUTOMATION: "1" });

test("Terraform's files are formatted", async () => {
  const files = await Array.fromAsync(new Bun.Glob("*.tf").scan(join(import.meta.dir, "../../deploy/terraform")));
  expect(files.length).toBeGreaterThan(8);
  await terraform("fmt", "-check", "-diff", "-recursive");
});

test("what they describe is valid for the provider", async () => {
  // A folder with the provider, for a machine that cannot fetch it.
  const plugins = process.env["TERRAFORM_PLUGIN_DIR"];
  await terraform("init", "-backend=false", "-input=false", ...(plugins ? [`-plugin-dir=${plugins}`] : []));
  const { valid, diagnostics } = JSON.parse(await terraform("validate", "-json")) as {
    valid: boolean;
    diagnostics: readonly unknown[];
  };
  expect(diagnostics).toEqual([]);
  expect(valid).toBe(true);
}, 240_000);
