import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { namedPaths } from "./docs-paths.ts";
import { REPOSITORY, repositoryPaths } from "./repository.ts";

const existing = await repositoryPaths();
const topLevel = new Set(existing.filter((path) => !path.includes("/")));
/** Every document but those of pull requests, which name no paths. */
const documents = existing.filter((path) => path.endsWith(".md") && !path.startsWith(".github/"));

function missingPaths(document: string, markdown: string): readonly string[] {
  return namedPaths(document, markdown, topLevel)
    .filter(({ pattern }) => {
      const glob = new Bun.Glob(pattern.replace(/\/$/, ""));
      return !existing.some((path) => glob.match(path));
    })
    .map(({ text, line }) => `${line}: ${text}`);
}

describe("documents", () => {
  test("are found, and name many paths", async () => {
    expect(documents.length).toBeGreaterThan(20);
    const texts = await Promise.all(documents.map((document) => Bun.file(join(REPOSITORY, document)).text()));
    const named = documents.flatMap((document, index) => namedPaths(document, texts[index] ?? "", topLevel));
    expect(named.length).toBeGreaterThan(200);
  });

  test.each(documents)("%s names only paths that exist", async (document) => {
    expect(missingPaths(document, await Bun.file(join(REPOSITORY, document)).text())).toEqual([]);
  });

  test("a path that does not exist is reported, and nothing else", () => {
    const markdown = `
See [the tools](../package.json#scripts), [the site](https://example.org/x.md) and [nothing](nowhere.md).
\`tests/guards/docs.test.ts\` and \`tests/guards/\` are here, \`tests/guards/gone.ts\` is not.
\`package.json\`, \`services/NAME/package.json\` and \`services/*/package.json\` are here, \`gone.yaml\` and \`services/NAME/gone.sql\` are not.
\`bun run check\`, \`/api/orders\`, \`application/json\`, \`order.commands\` and \`hono/jwt\` are no paths.
\`\`\`
cat tests/guards/gone.ts
\`\`\`
`;
    expect(missingPaths("docs/example.md", markdown)).toEqual([
      "2: nowhere.md",
      "3: tests/guards/gone.ts",
      "4: gone.yaml",
      "4: services/NAME/gone.sql",
    ]);
  });
});
