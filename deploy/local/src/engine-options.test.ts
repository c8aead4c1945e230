import { expect, test } from "bun:test";
import { join } from "node:path";
import { ENGINE_OPTIONS } from "./engine-options.ts";

test("the image tells the JavaScript engine what a local start tells it", async () => {
  const dockerfile = await Bun.file(join(import.meta.dir, "../../docker/Dockerfile")).text();
  const set = Array.from(dockerfile.matchAll(/\b(BUN_JSC_\w+)=(\S+)/g), ([, name, value]) => [name, value]);
  expect(Object.fromEntries(set)).toEqual(ENGINE_OPTIONS);
});
