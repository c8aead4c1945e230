import { expect, test } from "bun:test";
import { createLoginAttemptLimiter } from "./login-attempt-limiter.ts";

const MAX_FAILURES = 10;

/** Lets many in at once; `outcome` says of each guess that is compared whether it is right. */
async function guess(count: number, outcome: (index: number) => boolean) {
  const attempts = createLoginAttemptLimiter();
  /** As a table of all replicas has it: those that failed, and those of which nothing is known yet. */
  let counted = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const results = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      attempts.letIn(
        "someone",
        async () => {
          if (counted >= MAX_FAILURES) return false;
          counted += 1;
          return true;
        },
        async () => {
          atOnce += 1;
          mostAtOnce = Math.max(mostAtOnce, atOnce);
          await Bun.sleep(1 + (index % 3));
          atOnce -= 1;
          if (outcome(index)) counted -= 1;
          return outcome(index);
        },
      ),
    ),
  );
  return { failures: counted, mostAtOnce, compared: results.filter((result) => result !== undefined).length };
}

test("of any number of wrong guesses at once ten are compared and the others are not", async () => {
  expect(await guess(100, () => false)).toEqual({ failures: 10, mostAtOnce: 10, compared: 10 });
});

test("right ones are all compared, however many arrive at once", async () => {
  expect(await guess(100, () => true)).toMatchObject({ failures: 0, compared: 100 });
});

test("wrong ones among right ones leave less room, and none gets past the tenth failure", async () => {
  expect((await guess(100, (index) => index % 2 === 0)).failures).toBe(10);
});

test("one name's guesses do not keep another's waiting, and a fault leaves the line", async () => {
  const attempts = createLoginAttemptLimiter();
  const room = async () => true;
  let hasRoom = false;
  const slow = Promise.withResolvers<string>();
  const first = attempts.letIn("someone", room, () => slow.promise);
  const other = attempts.letIn("other", room, async () => "other");
  expect(await other).toBe("other");
  const second = attempts.letIn(
    "someone",
    async () => hasRoom,
    async () => "second",
  );
  hasRoom = true;
  slow.reject(new Error("the database is away"));
  expect(await first.catch(String)).toBe("Error: the database is away");
  expect(await second).toBe("second");
});
