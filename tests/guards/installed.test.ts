import { expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

test("in a clone in which nothing is installed, bun test says to run bun install", async () => {
  const clone = await mkdtemp(join(tmpdir(), "clone-"));
  for (const path of ["bunfig.toml", "tests/support/require-installed.ts", "shared/runtime/src"])
    await cp(join(REPOSITORY, path), join(clone, path), { recursive: true });
  const run = async () => {
    const bun = Bun.spawn([process.execPath, "test", "./shared/runtime/src/clock.test.ts"], {
      ...{ cwd: clone, stdout: "ignore", stderr: "pipe" },
    });
    return { said: await bun.stderr.text(), code: await bun.exited };
  };
  expect(await run()).toEqual({
    said: expect.stringContaining("The dependencies are not installed: run `bun install`"),
    code: 1,
  });
  await mkdir(join(clone, "node_modules"));
  expect((await run()).said).not.toContain("bun install");
  await rm(clone, { recursive: true });
});
