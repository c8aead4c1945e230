import { expect, test } from "bun:test";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import type { BrokerRecord } from "../../broker.ts";
import { createWorkQueue, type HandledOffset } from "./work-queue.ts";

const records = (partition: number, ...offsets: readonly number[]) =>
  offsets.map((offset): BrokerRecord => ({
    ...{ topic: "product.commands", partition, offset: String(offset), key: "k", value: null, headers: {} },
  }));
const namesOf = (batch: readonly BrokerRecord[]) => batch.map(({ partition, offset }) => `${partition}:${offset}`);

/** A queue whose batches, by name, stay in flight until `finish` or `fail`. */
function queueUnderTest(clock = systemClock) {
  const begun: (readonly string[])[] = [];
  let inFlight = Promise.withResolvers<void>();
  const queue = createWorkQueue({
    handle(batch) {
      begun.push(namesOf(batch));
      inFlight = Promise.withResolvers();
      return inFlight.promise;
    },
    ...{ clock, logger: capturedLogger().logger, metrics: createMetrics() },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ...{ queue, begun },
    async finish() {
      inFlight.resolve();
      await turn();
    },
    async fail() {
      inFlight.reject(new Error("not now"));
      await turn();
    },
    /** What would be committed now. */
    async commit(result: Promise<void> = Promise.resolve()): Promise<readonly string[]> {
      let offsets: readonly HandledOffset[] = [];
      await queue.commitHandled((handled) => {
        offsets = handled;
        return result;
      });
      return offsets.map(({ partition, next }) => `${partition}:${next}`);
    },
  };
}

test("nothing is committed before it has been handled, and then one past the last of each partition, once", async () => {
  const { queue, begun, finish, commit } = queueUnderTest();
  queue.add(records(0, 4, 5));
  queue.add([...records(0, 6), ...records(1, 9)]);
  expect(begun).toEqual([["0:4", "0:5"]]);
  expect(await commit()).toEqual([]);
  await finish();
  expect(begun).toEqual([
    ["0:4", "0:5"],
    ["0:6", "1:9"],
  ]);
  expect(await commit()).toEqual(["0:6"]);
  expect(await commit()).toEqual([]);
  await finish();
  expect(await commit()).toEqual(["0:7", "1:10"]);
});

test("when the group is joined anew nothing of before is committed any more, nor handled if it has only waited", async () => {
  const { queue, begun, finish, commit } = queueUnderTest();
  queue.add(records(0, 1));
  await finish();
  queue.add(records(1, 7));
  queue.add(records(2, 3));
  queue.startOver();
  await finish();
  expect(await commit()).toEqual([]);
  expect(begun).toEqual([["0:1"], ["1:7"]]);
  queue.add(records(1, 7));
  await finish();
  expect(await commit()).toEqual(["1:8"]);
});

test("a batch that fails is handled again before those behind it, but not when it comes again by itself", async () => {
  const clock = new ManualClock();
  const { queue, begun, finish, fail } = queueUnderTest(clock);
  queue.add(records(0, 1));
  queue.add(records(0, 2));
  await fail();
  await clock.advance(500);
  expect(begun.at(-1)).toEqual(["0:1", "0:2"]);
  queue.startOver();
  await fail();
  queue.add(records(0, 1));
  await clock.advance(500);
  expect(begun.at(-1)).toEqual(["0:1"]);
  await finish();
  expect(begun).toHaveLength(3);
});

test("what could not be committed is committed the next time, unless more has been by then, or the group was joined anew", async () => {
  const { queue, finish, commit } = queueUnderTest();
  queue.add([...records(0, 1), ...records(1, 1)]);
  await finish();
  const refused = Promise.withResolvers<void>();
  const refusal = commit(refused.promise);
  queue.add(records(0, 2));
  await finish();
  refused.reject(new Error("no coordinator"));
  await expect(refusal).rejects.toThrow("no coordinator");
  expect((await commit()).toSorted()).toEqual(["0:3", "1:2"]);

  queue.add(records(0, 3));
  await finish();
  const late = Promise.withResolvers<void>();
  const lost = commit(late.promise);
  queue.startOver();
  late.reject(new Error("not a member any more"));
  await expect(lost).rejects.toThrow("not a member");
  expect(await commit()).toEqual([]);
});

test("closing lets the in-flight batch finish, so that it is committed, and drops what waits behind it", async () => {
  const { queue, begun, finish, commit } = queueUnderTest();
  queue.add(records(0, 1));
  queue.add(records(0, 2));
  let closed = false;
  const closing = queue.close().then(() => (closed = true));
  await eventually(() => expect(queue.isEmpty()).toBe(true));
  expect(closed).toBe(false);
  await finish();
  await closing;
  // Anyone who still fetches has nothing to wait for here.
  queue.add(records(0, 3));
  expect(queue.isEmpty()).toBe(true);
  expect(begun).toEqual([["0:1"]]);
  expect(await commit()).toEqual(["0:2"]);
});

/** A queue whose handler defers the records of `locked` keys. */
function queueWithLocks(clock: ManualClock) {
  const locked = new Set<string>();
  const handled: string[] = [];
  const { logger, lines } = capturedLogger();
  const queue = createWorkQueue({
    handle(batch) {
      const left = batch.filter(({ key }) => locked.has(String(key)));
      handled.push(...namesOf(batch.filter((record) => !left.includes(record))));
      return Promise.resolve(left);
    },
    ...{ clock, logger, metrics: createMetrics() },
  });
  async function commit(): Promise<readonly string[]> {
    let offsets: readonly HandledOffset[] = [];
    await queue.commitHandled((due) => {
      offsets = due;
      return Promise.resolve();
    });
    return offsets.map(({ partition, next }) => `${partition}:${next}`);
  }
  return { ...{ queue, handled, lines, commit }, lock: (key: string) => locked.add(key), unlock: () => locked.clear() };
}
const of = (key: string, partition: number, offset: number): BrokerRecord => ({
  ...{ topic: "product.commands", partition, offset: String(offset), key, value: null, headers: {} },
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what is deferred holds back the later records of its key and its partition's commits, and nothing else", async () => {
  const clock = new ManualClock();
  const { queue, handled, lines, commit, lock, unlock } = queueWithLocks(clock);
  lock("held");
  queue.add([of("a", 0, 1), of("held", 0, 2), of("b", 0, 3), of("c", 1, 7)]);
  await turn();
  expect(handled).toEqual(["0:1", "0:3", "1:7"]);
  expect(await commit()).toEqual(["0:2", "1:8"]);
  unlock();
  queue.add([of("held", 0, 4), of("d", 0, 5)]);
  await turn();
  // Though it is not locked any more, its later record does not pass the one that is deferred.
  expect(handled).toEqual(["0:1", "0:3", "1:7", "0:5"]);
  expect(await commit()).toEqual([]);
  expect(queue.deferred().records).toBe(2);
  await clock.advance(1_000);
  expect(handled.slice(4)).toEqual(["0:2", "0:4"]);
  expect(await commit()).toEqual(["0:6"]);
  expect(queue.deferred()).toEqual({ records: 0, oldestSeconds: 0 });
  expect(lines.map(({ level }) => level)).toEqual(["warn", "info"]);
});

test("what stays locked is tried again with pauses of at most a second, and for how long it waits is known", async () => {
  const clock = new ManualClock();
  const { queue, handled, lock, unlock } = queueWithLocks(clock);
  lock("held");
  queue.add([of("held", 0, 1)]);
  await turn();
  await clock.advance(60_000);
  expect(queue.deferred()).toEqual({ records: 1, oldestSeconds: 60 });
  unlock();
  await clock.advance(1_000);
  expect(handled).toEqual(["0:1"]);
});

test("when very much is deferred nothing more is taken until some of it is handled", async () => {
  const clock = new ManualClock();
  const { queue, handled, lock, unlock } = queueWithLocks(clock);
  lock("held");
  queue.add(Array.from({ length: 10_000 }, (_, offset) => of("held", 0, offset)));
  await turn();
  queue.add([of("free", 0, 10_000)]);
  await clock.advance(5_000);
  expect(handled).toEqual([]);
  expect(queue.isEmpty()).toBe(false);
  unlock();
  await clock.advance(5_000);
  expect(handled).toHaveLength(10_001);
  expect(queue.isEmpty()).toBe(true);
});

test("what is deferred when the group is joined anew, or the queue is closed, is neither handled nor committed", async () => {
  const clock = new ManualClock();
  const { queue, handled, commit, lock, unlock } = queueWithLocks(clock);
  lock("held");
  queue.add([of("held", 0, 1), of("a", 0, 2)]);
  await turn();
  queue.startOver();
  unlock();
  await clock.advance(5_000);
  expect(handled).toEqual(["0:2"]);
  expect(await commit()).toEqual([]);
  lock("held");
  queue.add([of("a", 0, 0), of("held", 0, 1), of("a", 0, 2)]);
  await turn();
  const closing = queue.close();
  unlock();
  await clock.advance(6_000);
  await closing;
  expect(handled).toEqual(["0:2", "0:0", "0:2"]);
  expect(await commit()).toEqual(["0:1"]);
});

test("what is no record is committed once all before it is handled, and what is deferred keeps it back", async () => {
  const clock = new ManualClock();
  const { queue, commit, lock, unlock } = queueWithLocks(clock);
  queue.passOver("product.commands", 1, "4");
  expect(await commit()).toEqual(["1:5"]);
  lock("held");
  queue.add([of("a", 0, 1), of("held", 0, 2)]);
  queue.passOver("product.commands", 0, "3");
  expect(await commit()).toEqual([]);
  await turn();
  expect(await commit()).toEqual(["0:2"]);
  unlock();
  await clock.advance(1_000);
  expect(await commit()).toEqual(["0:4"]);
});

test("fetching pauses under load, for three times as long as the last batch took and 50 ms at most; else not at all", async () => {
  const clock = new ManualClock();
  const { queue, finish } = queueUnderTest(clock);
  let offset = 0;
  async function pauseAfter(count: number, tookMs: number): Promise<number> {
    queue.add(records(0, ...Array.from({ length: count }, () => (offset += 1))));
    await clock.advance(tookMs);
    await finish();
    return queue.fetchPauseMs();
  }
  expect(queue.fetchPauseMs()).toBe(0);
  expect(await pauseAfter(7, 20)).toBe(0);
  expect(await pauseAfter(8, 10)).toBe(30);
  expect(await pauseAfter(500, 40)).toBe(50);
  expect(await pauseAfter(1, 40)).toBe(0);
});
