import { expect, test } from "bun:test";
import { UnavailableError } from "@shop/http/request/errors";
import { systemClock } from "@shop/runtime/clock";
import { settled } from "@shop/testing/settled";
import { type AttemptOutcome, takeLoginTurn } from "./login-turn.ts";
import { createPasswords, type Passwords, type QueuePosition } from "./passwords.ts";

/** All slots are taken, and `waiting` stand in the line of all others, until `open`. */
function busy(waiting: number) {
  const compared: (string | undefined)[] = [];
  const passwords: Passwords = {
    ...createPasswords(systemClock),
    async matches(_password, hash) {
      compared.push(hash);
      return false;
    },
  };
  const gate = Promise.withResolvers<void>();
  const flood = Array.from({ length: 4 + waiting }, () =>
    passwords.takeTurn({ lane: "other", name: "flood" }, () => gate.promise),
  );
  return {
    passwords,
    compared,
    async open() {
      gate.resolve();
      await Promise.all(flood);
    },
  };
}

test("with a free slot an attempt is made at once, and once, whatever the lane and the outcome", async () => {
  for (const lane of ["regular", "registered", "other"] as const) {
    for (const outcome of ["right", "wrong", "closed"] as const) {
      const { passwords, compared, open } = busy(-4);
      let made = 0;
      const attempt = async (): Promise<AttemptOutcome> => {
        made += 1;
        return outcome;
      };
      expect(await takeLoginTurn(passwords, { lane, name: "someone" }, attempt)).toBe(outcome);
      expect([made, compared]).toEqual([1, []]);
      await open();
    }
  }
});

test("while a flood waits, a right password is answered in its own line and a wrong one not before its turn among all others", async () => {
  const { passwords, compared, open } = busy(10);
  const over: string[] = [];
  const enter = async (lane: QueuePosition["lane"], outcome: AttemptOutcome) => {
    await takeLoginTurn(passwords, { lane, name: `${lane} ${outcome}` }, async () => outcome);
    over.push(`${lane} ${outcome}`);
  };
  const all = [enter("other", "wrong"), enter("regular", "wrong"), enter("regular", "right")];
  await open();
  await Promise.all(all);
  // The wrong one came behind the first of the others, though it was in the quick line, and took as long as a comparison takes.
  expect(over).toEqual(["regular right", "other wrong", "regular wrong"]);
  expect(compared).toEqual([undefined]);
});

test("where all others are told to come again a wrong password of any lane is told so too, and a right one is answered", async () => {
  const { passwords, open } = busy(64);
  const outcomes = (["wrong", "closed", "right"] as const).map((outcome) =>
    settled(takeLoginTurn(passwords, { lane: "regular", name: "flood" }, async () => outcome)),
  );
  const other = settled(takeLoginTurn(passwords, { lane: "other", name: "flood" }, async () => "wrong"));
  await open();
  expect(await other).toBeInstanceOf(UnavailableError);
  const [wrong, closed, right] = await Promise.all(outcomes);
  expect([wrong, closed, right]).toEqual([expect.any(UnavailableError), expect.any(UnavailableError), "right"]);
});
