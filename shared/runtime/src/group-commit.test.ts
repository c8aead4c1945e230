import { expect, test } from "bun:test";
import { groupCommit, HeldUp } from "./group-commit.ts";

const unlocked = { isHeldUp: () => false, nameOf: () => undefined };
const timing = { maxWaitMs: 1_000, clock: { elapsed: () => 0 }, ...unlocked };

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
    ...timing,
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
    ...timing,
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
    ...timing,
    isEveryonesFault: () => true,
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map(commit));
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  expect(runs).toBe(2);
});

test("behind a run that hangs only so many items wait; one more is told to try again, and the others are not affected", async () => {
  const { runs, run } = heldRuns();
  const commit = groupCommit({
    run,
    maxBatch: 2,
    maxInFlight: 1,
    maxWaiting: 2,
    ...timing,
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
    ...unlocked,
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

/** A commit of items such as `3` or `3 of k`, where those of locked names wait in vain until the name is unlocked. */
function commitWithLocks(maxWaitMs: number) {
  const locked = new Set<string>();
  const nameOf = (item: string) => item.split(" of ")[1];
  let lockWaits = 0;
  const commit = groupCommit<string, string>({
    async run(items, lockWaitMs) {
      for (let waited = 0; items.some((item) => locked.has(nameOf(item) ?? "")); waited += 10) {
        if (waited >= lockWaitMs) {
          lockWaits += 1;
          throw new HeldUp("locked");
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return items.map((item) => `done ${item}`);
    },
    ...{ maxBatch: 100, maxInFlight: 1, maxWaiting: 1_000, maxWaitMs },
    clock: { elapsed: () => performance.now() },
    isEveryonesFault: () => true,
    isHeldUp: (error) => error instanceof HeldUp,
    nameOf,
  });
  return { commit, locked, lockWaits: () => lockWaits };
}

test("an item that waits for a lock holds up none of its batch, and has its result when the lock is released", async () => {
  const { commit, locked } = commitWithLocks(60_000);
  locked.add("k");
  const opening = commit("0");
  const held = commit("1 of k");
  const others = Array.from({ length: 50 }, (_, index) => commit(`${index + 2} of ${index}`));
  expect(await opening).toBe("done 0");
  expect(await Promise.all(others)).toEqual(others.map((_, index) => `done ${index + 2} of ${index}`));
  // Also those that come later, of any other name, while it waits.
  expect(await commit("100")).toBe("done 100");
  const twin = commit("101 of k");
  locked.delete("k");
  expect(await Promise.all([held, twin])).toEqual(["done 1 of k", "done 101 of k"]);
});

test("when very many items are held up a batch bears only so many waits, and all of them are told to try again", async () => {
  const { commit, locked, lockWaits } = commitWithLocks(500);
  const names = Array.from({ length: 60 }, (_, index) => String(index));
  const opening = commit("0");
  for (const name of names) locked.add(name);
  const results = await Promise.allSettled(names.map((name) => commit(`1 of ${name}`)));
  expect(await opening).toBe("done 0");
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  // Those of the batch, and of the few that it found one by one.
  expect(lockWaits()).toBeLessThan(40);
});

/** A commit whose batches find out without waiting which items are held up; an item that runs by itself waits until its lock is released. */
function commitThatSkipsLocked(maxAside: number) {
  const locked = new Map<string, PromiseWithResolvers<void>>();
  const runs: { readonly items: readonly string[]; readonly lockWaitMs: number }[] = [];
  const commit = groupCommit<string, string>({
    async run(items, lockWaitMs) {
      runs.push({ items, lockWaitMs });
      if (lockWaitMs > 0) await Promise.all(items.map((item) => locked.get(item)?.promise));
      return items.map((item) => (locked.has(item) ? new HeldUp("locked") : `done ${item}`));
    },
    ...{ maxBatch: 100, maxInFlight: 1, maxWaiting: 1_000, maxWaitMs: 1_000, batchLockWaitMs: 0, maxAside },
    clock: { elapsed: () => 0 },
    isEveryonesFault: () => false,
    isHeldUp: (error) => error instanceof HeldUp,
    nameOf: (item) => item,
  });
  return {
    ...{ commit, runs },
    lock: (name: string) => void locked.set(name, Promise.withResolvers()),
    unlock(name: string) {
      locked.get(name)?.resolve();
      locked.delete(name);
    },
  };
}

test("an item that a batch finds to be held up has the batch's others committed, and waits by itself", async () => {
  const { commit, runs, lock, unlock } = commitThatSkipsLocked(2);
  lock("a");
  const held = commit("a");
  const results = ["b", "a", "c"].map(commit);
  expect(await Promise.all([results[0], results[2]])).toEqual(["done b", "done c"]);
  expect(await commit("d")).toBe("done d");
  unlock("a");
  expect(await Promise.all([held, results[1]])).toEqual(["done a", "done a"]);
  expect(runs.filter(({ lockWaitMs }) => lockWaitMs > 0).map(({ items }) => items)).toEqual([["a"]]);
});

test("as many items wait by themselves at once as may, each of its own name", async () => {
  const { commit, runs, lock, unlock } = commitThatSkipsLocked(3);
  const names = ["a", "b", "c", "d"];
  for (const name of names) lock(name);
  const held = names.map(commit);
  expect(await commit("e")).toBe("done e");
  const waiting = () => runs.filter(({ lockWaitMs }) => lockWaitMs > 0).map(({ items }) => items);
  while (waiting().length < 3) await Promise.resolve();
  expect(waiting()).toEqual([["a"], ["b"], ["c"]]);
  for (const name of names) unlock(name);
  expect(await Promise.all(held)).toEqual(names.map((name) => `done ${name}`));
});

test("a batch that does not wait for locks and fails by one all the same is not looked through for who waits: all are told", async () => {
  let runs = 0;
  const commit = groupCommit<number, number>({
    run: () => {
      runs += 1;
      return Promise.reject(new HeldUp("the table is locked"));
    },
    ...{ maxBatch: 100, maxInFlight: 1, maxWaiting: 100, maxWaitMs: 1_000, batchLockWaitMs: 0 },
    clock: { elapsed: () => 0 },
    isEveryonesFault: () => true,
    isHeldUp: () => true,
    nameOf: String,
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map(commit));
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
  expect(runs).toBe(2);
});
