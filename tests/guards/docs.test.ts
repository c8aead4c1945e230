import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { anchorsOf, headingLinks } from "./docs-anchors.ts";
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

/** @param read the text of a document by its path from the root */
async function missingHeadings(
  document: string,
  markdown: string,
  read: (path: string) => Promise<string>,
): Promise<readonly string[]> {
  const links = headingLinks(document, markdown);
  const anchors = new Map<string, ReadonlySet<string>>();
  for (const file of new Set(links.map((link) => link.file)))
    anchors.set(file, anchorsOf(file === document ? markdown : await read(file)));
  return links
    .filter(({ file, anchor }) => anchors.get(file)?.has(anchor) !== true)
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

  test.each(documents)("%s links only to headings that exist", async (document) => {
    const read = (path: string) => Bun.file(join(REPOSITORY, path)).text();
    expect(await missingHeadings(document, await read(document), read)).toEqual([]);
  });

  test("pictures are shown by a document, and have at most 150 kB", async () => {
    const pictures = existing.filter((path) => path.startsWith("docs/pictures/"));
    expect(pictures.length).toBeGreaterThanOrEqual(6);
    const texts = await Promise.all(documents.map((document) => Bun.file(join(REPOSITORY, document)).text()));
    expect(pictures.filter((path) => !texts.some((text) => text.includes(`](${path})`)))).toEqual([]);
    expect(pictures.filter((path) => Bun.file(join(REPOSITORY, path)).size > 150_000)).toEqual([]);
  });

  test("a link to a heading that does not exist is reported, and nothing else", async () => {
    const other = `
# The \`shop\` command's options: A–Z & some_name
## 주문의 일생
## Twice
## Twice
## [Linked](x.md) [heading]
\`\`\`sh
# no heading
\`\`\`
`;
    const markdown = `
## Here
[one](other.md#the-shop-commands-options-az--some_name) [two](./other.md#주문의-일생 "title") [three](#here) [four](other.md#twice-1)
[five](other.md#linked-heading) [six](other.md) [seven](https://example.org/x.md#gone) [eight](../package.json#scripts)
[nine](other.md#twice-2) [ten](#gone)
[eleven](other.md#no-heading) and [twelve](other.md#Twice)
\`\`\`md
[thirteen](#gone)
\`\`\`
`;
    const read = (path: string) => Promise.resolve(path === "docs/other.md" ? other : "");
    expect(await missingHeadings("docs/example.md", markdown, read)).toEqual([
      "5: other.md#twice-2",
      "5: #gone",
      "6: other.md#no-heading",
      "6: other.md#Twice",
    ]);
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
