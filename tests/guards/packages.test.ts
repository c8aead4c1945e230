import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly workspaces?: { readonly packages: readonly string[] };
}

const manifestOf = (folder: string) => Bun.file(join(REPOSITORY, folder, "package.json")).json() as Promise<Manifest>;

/** The folder of each package of the workspace, from the root. */
async function packageFolders(): Promise<readonly string[]> {
  const { workspaces } = await manifestOf("");
  const found = (workspaces?.packages ?? []).map((pattern) =>
    Array.fromAsync(new Bun.Glob(`${pattern}/package.json`).scan(REPOSITORY)),
  );
  return (await Promise.all(found)).flat().map((path) => path.replace(/\/package\.json$/, ""));
}

/** A README of a package: a few lines, which a reader takes in at once. */
const MAX_LINES = 15;

/**
 * What is wrong with the README of a package.
 * @param allowed the packages of the workspace that its manifest lets it import
 */
function objectionsTo(readme: string, allowed: readonly string[]): readonly string[] {
  const lines = readme.trimEnd().split("\n");
  const named = /^May import: (?<list>.+)$/m.exec(readme)?.groups?.["list"];
  const listed = [...(named ?? "").matchAll(/`(?<name>@shop\/[\w-]+)`/g)].map(({ groups }) => groups?.["name"] ?? "");
  return [
    ...(lines[0]?.startsWith("# ") ? [] : ["it has no title"]),
    ...((lines[2] ?? "") === "" ? ["it does not say what the package is for"] : []),
    ...(/^Begin with /m.test(readme) ? [] : ["it does not say where to begin: `Begin with …`"]),
    ...(named === undefined ? ["it does not say what the package may import: `May import: …`"] : []),
    ...allowed.filter((name) => !listed.includes(name)).map((name) => `package.json allows ${name}, it does not`),
    ...listed.filter((name) => !allowed.includes(name)).map((name) => `it allows ${name}, package.json does not`),
    ...(lines.length > MAX_LINES ? [`it has ${lines.length} lines, and more than ${MAX_LINES} belong in docs`] : []),
  ];
}

const folders = await packageFolders();

describe("a package's README", () => {
  test("is looked for in every package", () => expect(folders.length).toBeGreaterThan(15));

  test.each(folders)("of %s says what it is for, where to begin, and what it may import", async (folder) => {
    const readme = Bun.file(join(REPOSITORY, folder, "README.md"));
    expect(await readme.exists()).toBe(true);
    const { dependencies = {} } = await manifestOf(folder);
    const allowed = Object.keys(dependencies).filter((name) => name.startsWith("@shop/"));
    expect(objectionsTo(await readme.text(), allowed)).toEqual([]);
  });

  test("that lacks any of it is refused", () => {
    const readme = "# Cart\n\nKeeps carts.\n\nBegin with `src/service.ts`.\n\nMay import: `@shop/runtime`.\n";
    expect(objectionsTo(readme, ["@shop/runtime"])).toEqual([]);
    expect(objectionsTo(readme, ["@shop/http"])).toEqual([
      "package.json allows @shop/http, it does not",
      "it allows @shop/runtime, package.json does not",
    ]);
    expect(objectionsTo("Cart\n", [])).toHaveLength(4);
    expect(objectionsTo(readme + "\n".repeat(MAX_LINES) + "end", ["@shop/runtime"])).toHaveLength(1);
  });
});
