import { expect, test } from "bun:test";
import { groupCommit } from "./group-commit.ts";

const inTime = { maxWaitMs: 1_000, clock: { elapsed: () => 0 } };

/** Runs that end when the test says so. */
function heldRuns() {
  const runs: { readonly items: readonly number[]; readonly gate: PromiseWithResolvers<void> }[] = [];
  const run = async (items: readonly number[]) => {
    const gate = Promise.withResolvers<void>();
    runs.push({ items, gate });
    await gate.promise;
    return items.map((item) => item * 10);
  };
  return { runs, run };
}

test("a lone item goes out at once; what comes meanwhile goes out together, each with its own result", async () => {
  const { runs, run } = heldRuns();
  const commit = groupCommit({
    run,
    maxBatch: 3,
    maxInFlight: 1,
    maxWaiting: 9,
    ...inTime,
    isEveryonesFault: () => false,
  });
  const results = Promise.all([1, 2, 3, 4, 5].map(commit));
  expect(runs.map(({ items }) => items)).toEqual([[1]]);
  for (let index = 0; index < 3; index += 1) {
    while (runs[index] === undefined) await Promise.resolve();
    runs[index]?.gate.resolve();
  }
  expect(await results).toEqual([10, 20, 30, 40, 50]);
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
});

test("an item that fails fails alone: the others of its batch are run again without it", async () => {
  const run = (items: readonly number[]) =>
    items.includes(3) ? Promise.reject(new Error("three")) : Promise.resolve(items.map(String));
  const commit = groupCommit({
    run,
    maxBatch: 10,
    maxInFlight: 1,
    maxWaiting: 9,
    ...inTime,
    isEveryonesFault: () => false,
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map(commit));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
});

test("an error that is no item's fault fails the whole batch at once", async () => {
  let runs = 0;
  const run = () => {
    runs += 1;
    return Promise.reject(new Error("the database is away"));
  };
  const commit = groupCommit<number, string>({
    run,
    maxBatch: 10,
    maxInFlight: 1,
    maxWaiting: 9,
    ...inTime,
    isEveryonesFault: () => true,
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map(commit));
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  expect(runs).toBe(2);
});

test("behind a run that hangs only so many items wait; one more is told to try again, and the others are not harmed", async () => {
  const { runs, run } = heldRuns();
  const commit = groupCommit({
    run,
    maxBatch: 2,
    maxInFlight: 1,
    maxWaiting: 2,
    ...inTime,
    isEveryonesFault: () => false,
  });
  const results = Promise.allSettled([1, 2, 3, 4].map(commit));
  runs[0]?.gate.resolve();
  while (runs[1] === undefined) await Promise.resolve();
  runs[1]?.gate.resolve();
  expect(await results).toMatchObject([
    { value: 10 },
    { value: 20 },
    { value: 30 },
    { status: "rejected", reason: { name: "TooManyWaiting", code: "53000" } },
  ]);
});

test("what has waited for too long is not worked on, and while something has, nothing more is taken", async () => {
  const { runs, run } = heldRuns();
  let nowMs = 0;
  const commit = groupCommit({
    run,
    ...{ maxBatch: 10, maxInFlight: 1, maxWaiting: 9, maxWaitMs: 1_000, isEveryonesFault: () => false },
    clock: { elapsed: () => nowMs },
  });
  const first = commit(1);
  const late = [commit(2), commit(3)];
  nowMs = 500;
  const patient = commit(4);
  nowMs = 1_001;
  const tooLate = { status: "rejected", reason: { name: "WaitedTooLong", code: "53000" } };
  expect(await Promise.allSettled([commit(5)])).toMatchObject([tooLate]);
  runs[0]?.gate.resolve();
  expect(await Promise.allSettled([first, ...late])).toMatchObject([{ value: 10 }, tooLate, tooLate]);
  runs[1]?.gate.resolve();
  expect(await patient).toBe(40);
  expect(runs.map(({ items }) => items)).toEqual([[1], [4]]);
});
