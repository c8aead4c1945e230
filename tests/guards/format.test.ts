import { expect, test } from "bun:test";
import { seedRepository } from "./seeded-repository.ts";

const lineOf = (columns: number): string => `export const a = "${"x".repeat(columns - 24)}" + b;\n`;

test("the formatter reports quotes, semicolons, indentation and lines over 120 columns, and leaves prose alone", async () => {
  await using repository = await seedRepository([".oxfmtrc.json"], {
    "shared/runtime/src/indentation.ts": "export function a() {\n    return 1;\n}\n",
    "shared/runtime/src/line.ts": lineOf(121),
    "shared/runtime/src/quotes.ts": "export const a = 'b';\n",
    "shared/runtime/src/right.ts": lineOf(120),
    "shared/runtime/src/semicolon.ts": "export const a = 1\n",
    "docs/prose.md": "*  as   its author wrote it\n",
  });
  const { exitCode, output } = await repository.run("oxfmt/bin/oxfmt", "--list-different");
  expect(output.trim().split("\n").toSorted()).toEqual(
    ["indentation", "line", "quotes", "semicolon"].map((name) => `shared/runtime/src/${name}.ts`),
  );
  expect(exitCode).toBe(1);
});
