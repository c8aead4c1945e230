import { expect, test } from "bun:test";
import { commands } from "./commands.ts";
import { HELP } from "./help.ts";

test("the help names every command, and an example of each that begins with its name", () => {
  for (const { name, takes, example } of commands) {
    expect(HELP).toContain(`  ${`${name} ${takes}`.trimEnd()}\n`);
    expect(example.split(" ")[0]).toBe(name);
  }
});
