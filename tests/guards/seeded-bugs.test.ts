import { expect, test } from "bun:test";
import { join } from "node:path";
import { BUGS } from "../sim/seeded/bugs.ts";
import { withBug } from "../sim/seeded/inject.ts";
import { MISTAKES } from "../sim/seeded/mistakes.ts";
import { REPOSITORY } from "./repository.ts";

test("every bug is seeded in the source as it stands now", async () => {
  for (const bug of [...BUGS, ...MISTAKES]) {
    const source = await Bun.file(join(REPOSITORY, bug.file)).text();
    expect(withBug(source, bug)).not.toBe(source);
  }
  expect(() => withBug("nothing of it", BUGS[0] ?? expect.unreachable())).toThrow("0 times");
});
