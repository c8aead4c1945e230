import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, trackedFiles } from "./repository.ts";

const read = (path: string) => Bun.file(join(REPOSITORY, path)).text();
const tracked = await trackedFiles();

test("updates of dependencies leave alone what is patched", async () => {
  const { patchedDependencies } = JSON.parse(await read("package.json")) as {
    readonly patchedDependencies: Readonly<Record<string, string>>;
  };
  const patched = Object.keys(patchedDependencies).map((name) => name.replace(/(?<=.)@.*$/, ""));
  const { updates } = Bun.YAML.parse(await read(".github/dependabot.yml")) as {
    readonly updates: readonly {
      readonly "package-ecosystem": string;
      readonly ignore?: readonly { readonly "dependency-name": string; readonly "update-types"?: unknown }[];
    }[];
  };
  const ignored = updates
    .filter((update) => update["package-ecosystem"] === "bun")
    .flatMap(({ ignore = [] }) => ignore.filter((each) => each["update-types"] === undefined))
    .map((each) => each["dependency-name"]);
  expect(patched.length).toBeGreaterThan(0);
  expect(patched.filter((name) => !ignored.includes(name))).toEqual([]);
});

test("every text file is written as .editorconfig says: LF, no tab at the begin of a line, a line end at the end", async () => {
  const written = tracked.filter(
    (path) => !/\.(?:png|svg|lock|patch)$|(?:^|\/)migrations\//.test(path) && !path.startsWith("docs/results/"),
  );
  expect(written.length).toBeGreaterThan(600);
  const wrong = await Promise.all(
    written.map(async (path) => {
      const text = await read(path);
      return /\r|^\t/m.test(text) || (text !== "" && !text.endsWith("\n")) ? [path] : [];
    }),
  );
  expect(wrong.flat()).toEqual([]);
});

/** The headings of a changelog that are none of Keep a Changelog. */
function oddHeadings(changelog: string): readonly string[] {
  const release = /^## \[(?:Unreleased|\d+\.\d+\.\d+(?:-[\w.]+)?)\](?: - \d{4}-\d\d-\d\d)?$/;
  const kind = /^### (?:Added|Changed|Deprecated|Removed|Fixed|Security)$/;
  return (changelog.match(/^##.*$/gm) ?? []).filter((line) => !release.test(line) && !kind.test(line));
}

describe("the changelog", () => {
  test("is kept as Keep a Changelog says, with what is not released first", async () => {
    const changelog = await read("CHANGELOG.md");
    expect(oddHeadings(changelog)).toEqual([]);
    expect(changelog.match(/^## .*$/m)?.[0]).toBe("## [Unreleased]");
  });

  test("of another form is refused", () => {
    const text = "## [Unreleased]\n### Added\n## [1.0.0] - 2026-12-01\n### News\n## 0.9\n";
    expect(oddHeadings(text)).toEqual(["### News", "## 0.9"]);
  });
});

test("CONTRIBUTING.md fits on a page, and the scripts that it names are there", async () => {
  const text = await read("CONTRIBUTING.md");
  expect(text.split("\n").length).toBeLessThan(70);
  const { scripts } = JSON.parse(await read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
  const named = [...text.matchAll(/bun run (?<script>[\w:-]+)/g)].map(({ groups }) => groups?.["script"] ?? "");
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
