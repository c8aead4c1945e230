import { expect, test } from "bun:test";
import { PrintedTests } from "./printed-tests.ts";

test("results are counted once, and a person sees what failed below its file's name", () => {
  const said: string[] = [];
  const printed = new PrintedTests((line) => said.push(line));
  const lines = [
    "bun test v1.4.5 (a7733435c)",
    "",
    "shared/runtime/src/quiet.test.ts:",
    "(pass) one",
    "",
    "shared/runtime/src/loud.test.ts:",
    "(pass) in > it > two [0.11ms]",
    "error: expect(received).toBe(expected)",
    "\u001B[31m(fail)\u001B[0m three [1.00ms]",
    "(skip) four",
    "",
    "2 tests failed:",
    "(fail) three [1.00ms]",
    "",
    " 2 pass",
    " 1 fail",
    " 1 expect() calls",
    "Ran 4 tests across 2 files. [9.00ms]",
  ];
  for (const line of lines) printed.read(line);
  expect(printed).toMatchObject({ passed: 2, failed: 2 });
  expect(printed.begun).toEqual(["shared/runtime/src/quiet.test.ts", "shared/runtime/src/loud.test.ts"]);
  expect(said).toEqual([
    "shared/runtime/src/loud.test.ts:",
    "error: expect(received).toBe(expected)",
    "\u001B[31m(fail)\u001B[0m three [1.00ms]",
    "(skip) four",
    "2 tests failed:",
    "(fail) three [1.00ms]",
  ]);
});
