import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, trackedFiles } from "./repository.ts";

// How many files the formatter and the linter looked at is compared by `bun run check` itself, as both say it.

const sources = (await trackedFiles()).filter((path) => /\.tsx?$/.test(path));

async function filesOfTypeChecker(...options: readonly string[]): Promise<readonly string[]> {
  const command = [process.execPath, join(REPOSITORY, "node_modules/typescript/bin/tsc"), "--noEmit"];
  const tsc = Bun.spawn([...command, "--listFilesOnly", ...options], { cwd: REPOSITORY, stdout: "pipe" });
  const [output, exitCode] = await Promise.all([tsc.stdout.text(), tsc.exited]);
  expect(exitCode).toBe(0);
  return output.split("\n").map((path) => path.replace(REPOSITORY, ""));
}

test("the type checker looks at every source", async () => {
  const { scripts } = (await Bun.file(join(REPOSITORY, "package.json")).json()) as { scripts: { types: string } };
  expect(scripts.types).toEndWith(" && tsc --noEmit && tsc --noEmit -p services/frontend/src/browser");
  const looked = new Set(
    (await Promise.all([filesOfTypeChecker(), filesOfTypeChecker("-p", "services/frontend/src/browser")])).flat(),
  );
  expect(sources.length).toBeGreaterThan(600);
  expect(sources.filter((path) => !looked.has(path))).toEqual([]);
});

test("the search for unused code looks at every source", async () => {
  const { workspaces } = Bun.JSONC.parse(await Bun.file(join(REPOSITORY, "knip.json")).text()) as {
    readonly workspaces: Readonly<Record<string, { readonly entry: string[]; readonly project: string[] }>>;
  };
  // What a workspace's own settings say replaces what a pattern says of several.
  const byPrecision = Object.entries(workspaces).toSorted(
    ([a], [b]) => Number(a.includes("*")) - Number(b.includes("*")),
  );
  const isLookedAt = (path: string) => {
    const workspace = byPrecision.find(([folder]) => new Bun.Glob(`${folder}/**`).match(path));
    return (workspace?.[1].project ?? []).some((pattern) =>
      new Bun.Glob(`${workspace?.[0]}/${pattern.replace(/!$/, "")}`).match(path),
    );
  };
  // The settings of migrations are drizzle-kit's, which knip knows by their name.
  const others = sources.filter((path) => !path.endsWith("/drizzle.config.ts"));
  expect(others.length).toBeGreaterThan(600);
  expect(others.filter((path) => !isLookedAt(path))).toEqual([]);
});
