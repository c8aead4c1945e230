import { describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { bareClaims, hasTest, namedTests } from "./claims.ts";
import { REPOSITORY, repositoryPaths } from "./repository.ts";

const read = (path: string) => Bun.file(join(REPOSITORY, path)).text();
const documents = (await repositoryPaths()).filter((path) => /^(?:README[^/]*|docs\/.+)\.md$/.test(path));

async function unknownTests(document: string, markdown: string): Promise<readonly string[]> {
  const looked = namedTests(markdown).map(async ({ line, target, name }) => {
    const file = Bun.file(join(REPOSITORY, dirname(document), target));
    const known = (await file.exists()) && hasTest(await file.text(), name);
    return known ? [] : [`${line}: ${target} has no test "${name}"`];
  });
  return (await Promise.all(looked)).flat();
}

describe("a test that a document names as proof", () => {
  test.each(documents)("%s names only tests that exist", async (document) => {
    expect(await unknownTests(document, await read(document))).toEqual([]);
  });

  test.each(documents.filter((path) => !path.includes("decisions/")))(
    "stands beside each sentence of %s that promises much",
    async (document) => {
      expect(bareClaims(await read(document))).toEqual([]);
    },
  );

  test("is missed where a sentence promises much without it, and nowhere else", () => {
    const markdown = `
A rollout fails no call.
A rollout fails no call: \`tests/faults/rolling-restart.test.ts\`.
Nothing is lost ([what was tried](reliability.md)).
Some calls fail.
`;
    expect(bareClaims(markdown)).toEqual(["2: A rollout fails no call."]);
  });

  test("stands behind each promise of the README, in both languages", async () => {
    const [english, korean] = await Promise.all([read("README.md"), read("README.ko.md")]);
    const proofs = (markdown: string) => namedTests(markdown).map(({ target, name }) => `${target} ${name}`);
    expect(proofs(english).length).toBeGreaterThanOrEqual(6);
    expect(proofs(korean)).toEqual(proofs(english));
    const promises = english.slice(english.indexOf("It keeps one promise"), english.indexOf("How each of these"));
    const bullets = promises.split("\n").filter((line) => line.startsWith("- "));
    expect(bullets.length).toBeGreaterThanOrEqual(6);
    expect(bullets.filter((line) => namedTests(line).length === 0)).toEqual([]);
  });

  test("that does not exist is reported, and nothing else", async () => {
    const markdown = `
Shown by [this](../tests/guards/claims.test.ts "that does not exist is reported, and nothing else").
Shown by [this](../tests/guards/claims.test.ts "no such test") and [that](../tests/guards/gone.test.ts "a name").
`;
    expect(await unknownTests("docs/example.md", markdown)).toEqual([
      '3: ../tests/guards/claims.test.ts has no test "no such test"',
      '3: ../tests/guards/gone.test.ts has no test "a name"',
    ]);
  });

  test("is one by its name, not by a text that it holds", () => {
    const source = 'test.each(all)("%s holds", () => { expect(say()).toBe("hello"); });\ntest(`a ${kind}`, go);';
    expect([hasTest(source, "%s holds"), hasTest(source, "hello"), hasTest(source, "a ${kind}")]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
