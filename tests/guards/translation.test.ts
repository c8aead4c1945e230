import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

const read = (name: string) => Bun.file(join(REPOSITORY, name)).text();

/** What is typed into a shell, without its comments, which are translated. */
function commandsIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```sh\n(?<block>.*?)^```/gms)].map(({ groups }) =>
    (groups?.["block"] ?? "").replaceAll(/\s+# .*$/gm, ""),
  );
}

const sectionsIn = (markdown: string) => markdown.match(/^## /gm)?.length;

const sizeOf = (markdown: string) => markdown.split(/\s+/).length;

test.each([
  { english: "README.md", korean: "README.ko.md", commands: 3, sections: 4 },
  { english: "docs/getting-started.md", korean: "docs/getting-started.ko.md", commands: 9, sections: 8 },
])("$korean has the commands and the sections of $english", async ({ english, korean, commands, sections }) => {
  const [one, other] = await Promise.all([read(english), read(korean)]);
  expect(commandsIn(one).length).toBeGreaterThanOrEqual(commands);
  expect(commandsIn(other)).toEqual(commandsIn(one));
  expect(sectionsIn(one)).toBeGreaterThanOrEqual(sections);
  expect(sectionsIn(other)).toBe(sectionsIn(one));
  const tablesIn = (markdown: string) => markdown.match(/^\|/gm)?.length;
  expect(tablesIn(other)).toBe(tablesIn(one));
});

test("a README is read in five minutes: 900 words at most", async () => {
  for (const name of ["README.md", "README.ko.md"]) expect(sizeOf(await read(name))).toBeLessThanOrEqual(900);
});

test("a command that differs is seen, a translated comment is not", () => {
  const block = (text: string) => `\`\`\`sh\n${text}\n\`\`\`\n`;
  expect(commandsIn(block("bun run demo   # starts"))).toEqual(commandsIn(block("bun run demo   # 시작")));
  expect(commandsIn(block("bun run demo"))).not.toEqual(commandsIn(block("bun run dev")));
});
