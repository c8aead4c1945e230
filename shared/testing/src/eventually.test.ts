import { expect, test } from "bun:test";
import { eventually } from "./eventually.ts";

test("an assertion is tried until it passes, and its result is handed on", async () => {
  let tries = 0;
  const result = await eventually(
    () => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
      return tries;
    },
    { pauseMs: 1 },
  );
  expect(result).toBe(3);
});

test("past the deadline the last error is the one that is thrown", async () => {
  let tries = 0;
  const failing = eventually(
    () => {
      tries += 1;
      throw new Error(`try ${tries}`);
    },
    { deadlineMs: 30, pauseMs: 5 },
  );
  const error = await failing.catch((reason: unknown) => reason);
  expect(error).toEqual(new Error(`try ${tries}`));
  expect(tries).toBeGreaterThan(1);
});
