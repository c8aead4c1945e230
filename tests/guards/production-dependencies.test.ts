import { dirname, join } from "node:path";
import { expect, test } from "bun:test";
import { REPOSITORY } from "./repository.ts";

/** A module's package, of one that is imported by name. */
const IMPORTED = /(?:from|import\()\s*"(?<name>@[^/"]+\/[^/"]+|[^@./"][^/"]*)/g;
const BUILT_IN = /^(?:node:|bun(?::|$))/;

/** @returns `file: package` for each import of a package's production code that its `dependencies` do not name */
async function missingIn(manifest: string): Promise<readonly string[]> {
  const { name, dependencies = {} } = (await Bun.file(join(REPOSITORY, manifest)).json()) as {
    readonly name: string;
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  const folder = dirname(manifest);
  const files = await Array.fromAsync(new Bun.Glob(`${folder}/src/**/*.{ts,tsx}`).scan(REPOSITORY));
  const production = files.filter((path) => !path.includes("/testing/") && !path.includes(".test."));
  expect(production).not.toBeEmpty();
  const missing = production.map(async (path) => {
    const source = await Bun.file(join(REPOSITORY, path)).text();
    const imported = Array.from(source.matchAll(IMPORTED), ({ groups }) => groups?.["name"] ?? "");
    return imported
      .filter((one) => !BUILT_IN.test(one) && one !== name && !(one in dependencies))
      .map((one) => `${path}: ${one}`);
  });
  return (await Promise.all(missing)).flat();
}

test("what the code of production imports is there without what only development needs, as in the image", async () => {
  const manifests = await Array.fromAsync(new Bun.Glob("{services,shared}/*/package.json").scan(REPOSITORY));
  expect(manifests.length).toBeGreaterThan(10);
  const found = await Promise.all(manifests.filter((path) => !path.startsWith("shared/testing/")).map(missingIn));
  expect(found.flat()).toEqual([]);
});
