import { expect, test } from "bun:test";
import { UnavailableError } from "@shop/http/request/errors";
import { systemClock } from "@shop/runtime/clock";
import { ManualClock } from "@shop/testing/clock";
import { settled } from "@shop/testing/settled";
import { createPasswords, type QueuePosition } from "./passwords.ts";

const anybody = { lane: "other", name: "anybody" } as const;

test("a password matches its own hash only, and no hash at all never", async () => {
  const passwords = createPasswords(systemClock);
  const hash = await passwords.hash("correct horse");
  expect(hash).toStartWith("$argon2id$");
  expect(await passwords.matches("correct horse", hash)).toBe(true);
  expect(await passwords.matches("correct horses", hash)).toBe(false);
  expect(await passwords.matches("correct horse", undefined)).toBe(false);
});

test("the same letters match however the keyboard composed them", async () => {
  const passwords = createPasswords(systemClock);
  const hash = await passwords.hash("한글 비밀번호".normalize("NFD"));
  expect(await passwords.matches("한글 비밀번호".normalize("NFC"), hash)).toBe(true);
});

test("four take their turn at once, the others wait in line, and too many are told to come again", async () => {
  const passwords = createPasswords(systemClock);
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await gate.promise;
    running -= 1;
  };
  const taken = Array.from({ length: 4 + 64 }, () => passwords.takeTurn(anybody, work));
  await expect(passwords.takeTurn(anybody, work)).rejects.toBeInstanceOf(UnavailableError);
  gate.resolve();
  await Promise.all(taken);
  expect(most).toBe(4);
  expect(await passwords.takeTurn(anybody, async () => "again")).toBe("again");
});

test("a turn that comes too late is not taken, and a failed one is passed on", async () => {
  const clock = new ManualClock();
  const passwords = createPasswords(clock);
  const gate = Promise.withResolvers<never>();
  const begun = Promise.withResolvers<void>();
  const work = () => {
    begun.resolve();
    return gate.promise;
  };
  const failing = Array.from({ length: 4 }, () => settled(passwords.takeTurn(anybody, work)));
  const late = settled(passwords.takeTurn(anybody, async () => "late"));
  await begun.promise;
  await clock.advance(1_201);
  gate.reject(new Error("failed"));
  for (const outcome of failing) expect(await outcome).toHaveProperty("message", "failed");
  expect(await late).toBeInstanceOf(UnavailableError);
  expect(await passwords.takeTurn(anybody, async () => "next")).toBe("next");
});

test("a flood in one lane holds up no other: people come first, and each lane has its own room to wait", async () => {
  const passwords = createPasswords(systemClock);
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const enter = (lane: QueuePosition["lane"], count: number) =>
    Array.from({ length: count }, () =>
      passwords.takeTurn({ lane, name: "anybody" }, async () => {
        begun.push(lane);
        await gate.promise;
      }),
    );
  const flood = enter("other", 4 + 64);
  await expect(passwords.takeTurn(anybody, async () => undefined)).rejects.toBeInstanceOf(UnavailableError);
  expect(passwords.hasFreeSlot()).toBe(false);
  const people = [...enter("regular", 3), ...enter("registered", 2), ...enter("signUp", 1)];
  gate.resolve();
  await Promise.all([...flood, ...people]);
  expect(begun.slice(0, 4)).toEqual(["other", "other", "other", "other"]);
  expect(begun.slice(4, 11)).toEqual([
    ...["regular", "registered", "signUp"],
    ...["regular", "registered"],
    ...["regular", "other"],
  ]);
  expect(passwords.hasFreeSlot()).toBe(true);
});

test("within a lane names take turns, and one with many callers makes room for the others when it is full", async () => {
  const passwords = createPasswords(systemClock);
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const enter = (name: string) =>
    settled(
      passwords.takeTurn({ lane: "regular", name }, async () => {
        begun.push(name);
        await gate.promise;
      }),
      30_000,
    );
  const flood = Array.from({ length: 4 + 64 }, () => enter("flood"));
  const people = ["one", "two", "two"].map(enter);
  // Another of the flood finds no room: nobody else has as many callers.
  expect(await enter("flood")).toBeInstanceOf(UnavailableError);
  gate.resolve();
  expect(await Promise.all(people)).toEqual([undefined, undefined, undefined]);
  const turnedAway = (await Promise.all(flood)).filter((outcome) => outcome instanceof UnavailableError);
  expect(turnedAway).toHaveLength(3);
  expect(begun.slice(4, 9)).toEqual(["flood", "one", "two", "flood", "two"]);
  expect(begun).toHaveLength(4 + 64);
  expect(passwords.hasFreeSlot()).toBe(true);
});

test("in a full line of callers with a name each a further one is told to come again, and none of them is turned away", async () => {
  const passwords = createPasswords(systemClock);
  const gate = Promise.withResolvers<void>();
  const enter = (name: string) =>
    settled(
      passwords.takeTurn({ lane: "other", name }, () => gate.promise),
      30_000,
    );
  const names = Array.from({ length: 4 + 64 }, (_, index) => enter(`name ${index}`));
  expect(await enter("further")).toBeInstanceOf(UnavailableError);
  gate.resolve();
  expect(new Set(await Promise.all(names))).toEqual(new Set([undefined]));
});

test("however many people wait, every tenth free slot goes to names that do not exist or are guessed at", async () => {
  const passwords = createPasswords(systemClock);
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const enter = (lane: QueuePosition["lane"]) =>
    Array.from({ length: 12 }, () =>
      passwords.takeTurn({ lane, name: "anybody" }, async () => {
        begun.push(lane);
        await gate.promise;
      }),
    );
  const first = Array.from({ length: 4 }, () => passwords.takeTurn(anybody, () => gate.promise));
  const all = (["regular", "registered", "signUp", "other"] as const).flatMap(enter);
  gate.resolve();
  await Promise.all([...first, ...all]);
  expect(
    [begun.slice(0, 10), begun.slice(10, 20)].map((round) => round.filter((lane) => lane === "other").length),
  ).toEqual([1, 1]);
  expect(begun).toHaveLength(48);
});
