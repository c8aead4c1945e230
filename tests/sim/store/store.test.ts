import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type postgres from "postgres";
import { BEGINNING, Scheduler } from "../scheduler.ts";
import { atSimulatedTime, Store } from "./store.ts";

// A real server, on a machine that may be busy.
setDefaultTimeout(240_000);

let store: Store;
beforeAll(async () => {
  store = await Store.open("order");
});
afterAll(() => store.close());

describe("a simulated database", () => {
  test("has the time of the simulation as now() from the first statement of a session on", async () => {
    const scheduler = new Scheduler(1);
    const session = await store.take();
    const text = "select now() as now";
    const read = (client: postgres.Sql) => client.unsafe<{ now: Date }[]>(text, [], { prepare: true });
    for (const passedMs of [1_000, 61_000]) {
      await scheduler.drive(scheduler.sleep(passedMs - scheduler.now));
      const [row] = await atSimulatedTime(session, scheduler, text, async (client) => read(client));
      expect(new Date(String(row?.now)).getTime()).toBe(BEGINNING + passedMs);
    }
    store.giveBack(session);
  });

  test("is empty after a reset, and gives the same numbers as at first, also when nothing was committed", async () => {
    const session = await store.take();
    const add = async (end: "commit" | "rollback") => {
      await session.client.unsafe("begin deferrable");
      const [row] = await session.client.unsafe<{ id: string }[]>(
        `insert into outbox (topic, key, payload) values ('order.events', 'k', '{"id":"1"}') returning id`,
      );
      await session.client.unsafe(end);
      return Number(row?.id);
    };
    const ids: number[] = [];
    for (let run = 0; run < 2; run += 1) {
      ids.push(await add("rollback"), await add("commit"));
      store.giveBack(session);
      await store.reset();
      expect((await store.monitor`select from outbox`).length).toBe(0);
      expect(await store.take()).toBe(session);
    }
    ids.push(await add("rollback"));
    store.giveBack(session);
    await store.reset();
    expect(await store.take()).toBe(session);
    ids.push(await add("commit"));
    expect(ids).toEqual([1, 2, 1, 2, 1, 1]);
    store.giveBack(session);
  });
});
