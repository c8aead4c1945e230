import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { startGuarded } from "@shop/local/guarded-process";

test("a check that is stopped ends with its counts: what was under way has failed, what had not begun is named", async () => {
  const lines: string[] = [];
  const check = await startGuarded({
    command: [process.execPath, fileURLToPath(new URL("main.ts", import.meta.url)), "--only", "types,unused"],
    environment: process.env,
    onLine: (line) => {
      lines.push(line);
      if (line === "types …") check.signal("SIGTERM");
    },
  });
  const { code } = await check.exited;
  expect(lines.slice(-2)).toEqual(["not run: unused (stopped before)", "0 passed, 1 failed, 1 skipped"]);
  expect(code).not.toBe(0);
});
