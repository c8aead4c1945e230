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

test("the Korean README has the commands and the sections of the English one", async () => {
  const [english, korean] = await Promise.all([read("README.md"), read("README.ko.md")]);
  expect(commandsIn(english).length).toBeGreaterThan(3);
  expect(commandsIn(korean)).toEqual(commandsIn(english));
  expect(sectionsIn(english)).toBeGreaterThan(7);
  expect(sectionsIn(korean)).toBe(sectionsIn(english));
});

test("a command that differs is seen, a translated comment is not", () => {
  const block = (text: string) => `\`\`\`sh\n${text}\n\`\`\`\n`;
  expect(commandsIn(block("bun run demo   # starts"))).toEqual(commandsIn(block("bun run demo   # 시작")));
  expect(commandsIn(block("bun run demo"))).not.toEqual(commandsIn(block("bun run dev")));
});
