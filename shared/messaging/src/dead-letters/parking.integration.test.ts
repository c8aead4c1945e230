import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { connectDatabase, type Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import type { BrokerRecord } from "../broker.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { decode } from "../inbox/decode.ts";
import { byType, MessageRefused, on } from "../inbox/handlers.ts";
import { watchBlockedKeys } from "./blocked-keys-watch.ts";
import { createInbox } from "../inbox/inbox.ts";
import { createOutbox } from "../outbox/outbox.ts";
import { outgoing, toOutboxRow } from "../outbox/outgoing.ts";
import { createReplay } from "./replay.ts";

let database: TestDatabase;
let db: Database;
/** What the handler does with a message of this number: throws it. */
const faults = new Map<number, Error>();
const ids = uuidV7;
const clock = new ManualClock(Date.now());
const [held, other] = [ids(), ids()];

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  await db.execute(sql`create table effect (seq bigint generated always as identity, key text, number int)`);
}, 120_000);
beforeEach(async () => {
  faults.clear();
  await db.execute(sql`truncate dead_letter, inbox, outbox, effect`);
});
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

const { logger, lines } = capturedLogger();
const metrics = createMetrics();
const quantityOf = ({ data }: { readonly data: { readonly items: readonly { readonly quantity: number }[] } }) =>
  data.items[0]?.quantity ?? 0;

function parts(of: Clock = clock) {
  const outbox = createOutbox({ ids, clock: of, wakeRelay: () => {} });
  const handlers = byType(
    on(DecreaseProductCommand, async (tx, messages) => {
      for (const message of messages) {
        const number = quantityOf(message);
        await tx.execute(sql`insert into effect (key, number) values (${message.key}, ${number})`);
        const fault = faults.get(number);
        if (fault) throw fault;
      }
      return [];
    }),
  );
  const deadLetters = createDeadLetters({ db, ids, clock: of, logger, metrics });
  return {
    deadLetters,
    replay: createReplay({ db, handlers, outbox, onHandled: () => {}, clock: of }),
    handle: createInbox({ db, handlers, outbox, deadLetters, clock: of, logger, metrics }),
  };
}

let offset = 0;
function recordOf(key: string, quantity: number): BrokerRecord {
  const data = { orderId: key, items: [{ productId: key, quantity }] };
  const { topic, payload } = toOutboxRow(outgoing(DecreaseProductCommand, key, data, undefined), ids, clock);
  offset += 1;
  const value = Buffer.from(JSON.stringify(payload));
  return { topic, key, value, partition: 0, offset: String(offset), headers: {} };
}

/** Delivers records in one batch; retries of a message that fails are not waited for. */
async function deliver(...records: readonly BrokerRecord[]): Promise<void> {
  const delivered = parts().handle(records, new AbortController().signal);
  let done = false;
  void delivered.finally(() => (done = true));
  while (!done) {
    await clock.advance(100);
    await Bun.sleep(1);
  }
  await delivered;
}

const applied = async (key: string) =>
  (await db.execute<{ number: number }>(sql`select number from effect where key = ${key} order by seq`)).map(
    ({ number }) => number,
  );
const causes = async () =>
  (await db.execute<{ cause: string }>(sql`select cause from dead_letter where replayed_at is null order by seq`)).map(
    ({ cause }) => cause,
  );
const deadLetterIds = async () =>
  (await db.execute<{ id: string }>(sql`select id from dead_letter order by seq`)).map(({ id }) => id);

/** Message 2 of one key fails, with others around it and behind it. */
async function holdKey(): Promise<readonly BrokerRecord[]> {
  faults.set(2, new TypeError("a bug"));
  const records = [1, 2, 3].flatMap((number) => [recordOf(held, number), recordOf(other, number + 10)]);
  await deliver(...records);
  const late = recordOf(held, 4);
  await deliver(late, recordOf(other, 14));
  return [...records, late];
}

test("behind a message that fails only those of its key wait, in any later batch too", async () => {
  await holdKey();
  expect(await applied(held)).toEqual([1]);
  expect(await applied(other)).toEqual([11, 12, 13, 14]);
  expect(await causes()).toEqual(["HANDLER_FAILED", "PARKED", "PARKED"]);
});

test("all of it delivered again, twice, changes nothing: what was handled is known, what waits is kept once", async () => {
  const records = await holdKey();
  await deliver(...records, ...records);
  expect(await applied(held)).toEqual([1]);
  expect(await causes()).toEqual(["HANDLER_FAILED", "PARKED", "PARKED"]);
});

test("a message that stands in a batch twice is applied once, at its first place", async () => {
  const [first, second] = [recordOf(held, 1), recordOf(held, 2)];
  await deliver(first, second, { ...first, offset: String((offset += 1)) });
  expect(await applied(held)).toEqual([1, 2]);
});

test("behind a message that is refused, or cannot be read, nothing waits", async () => {
  faults.set(2, new MessageRefused("not for me"));
  await deliver(
    recordOf(held, 1),
    recordOf(held, 2),
    { ...recordOf(held, 3), value: Buffer.from("{") },
    recordOf(held, 4),
  );
  expect(await applied(held)).toEqual([1, 4]);
  expect(await causes()).toEqual(["REFUSED", "NOT_JSON"]);
});

test("a replay of the first applies it and what waits behind it, in order; one that waits is refused before that", async () => {
  await holdKey();
  faults.clear();
  const [first = "", second = ""] = await deadLetterIds();
  const { replay } = parts();
  expect(await replay.one(second, { dryRun: false })).toEqual({ kind: "waits", behindId: first });
  expect(await replay.one(first, { dryRun: true })).toMatchObject({ outcome: "APPLIED", released: 2 });
  expect(await applied(held)).toEqual([1]);
  expect(await replay.one(first, { dryRun: false })).toMatchObject({ outcome: "APPLIED", released: 2 });
  expect(await applied(held)).toEqual([1, 2, 3, 4]);
  await deliver(recordOf(held, 5));
  expect(await applied(held)).toEqual([1, 2, 3, 4, 5]);
  expect(await causes()).toEqual([]);
});

test("a replay stops at the next that fails, which is then the one that the others wait for", async () => {
  await holdKey();
  faults.clear();
  // What it says cannot be stored as it is.
  faults.set(4, new RangeError("another bug, with \0"));
  const [first = ""] = await deadLetterIds();
  expect(await parts().replay.one(first, { dryRun: false })).toMatchObject({ outcome: "APPLIED", released: 1 });
  expect(await applied(held)).toEqual([1, 2, 3]);
  expect(await causes()).toEqual(["HANDLER_FAILED"]);
});

test("a replay that the database does not take now has not been: it is told so, and nothing has changed", async () => {
  await holdKey();
  const deadLetters = async () => await db.execute(sql`select * from dead_letter order by seq`);
  const before = await deadLetters();
  faults.set(2, Object.assign(new Error("deadlock detected"), { code: "40P01" }));
  const [first = ""] = await deadLetterIds();
  const { replay } = parts();
  await expect(replay.one(first, { dryRun: false })).rejects.toThrow("deadlock detected");
  faults.set(2, new TypeError("a bug"));
  expect(await deadLetters()).toEqual(before);
  expect(await applied(held)).toEqual([1]);
});

test("what turns out to be refused is waited for no longer", async () => {
  await holdKey();
  faults.set(2, new MessageRefused("never"));
  const [first = ""] = await deadLetterIds();
  expect(await parts().replay.one(first, { dryRun: false })).toMatchObject({ outcome: "REFUSED", released: 2 });
  expect(await applied(held)).toEqual([1, 3, 4]);
  expect(await causes()).toEqual(["REFUSED"]);
});

test("what time or a deployment has mended goes on by itself, in order", async () => {
  await holdKey();
  const stop = new AbortController();
  const watching = watchBlockedKeys(stop.signal, { db, replay: parts().replay, clock, logger, metrics });
  await eventually(async () => {
    await clock.advance(2_000);
    expect(lines.at(-1)?.message).toContain("still cannot be handled");
  });
  expect(await metrics.expose()).toContain('dead_letters_open{cause="PARKED"} 2');
  expect(metrics.read("dead_letters_open")).toBe(3);
  faults.clear();
  await eventually(async () => {
    await clock.advance(2_000);
    expect(await applied(held)).toEqual([1, 2, 3, 4]);
    expect(metrics.read("dead_letters_open")).toBe(0);
  });
  stop.abort();
  await clock.advance(2_000);
  await watching;
});

test("a message that failed before the clock was set back by an hour is retried as soon as any other", async () => {
  await holdKey();
  faults.clear();
  const setBack = new ManualClock(clock.now() - 3_600_000);
  const stop = new AbortController();
  const { replay } = parts(setBack);
  const watching = watchBlockedKeys(stop.signal, { db, replay, clock: setBack, logger, metrics });
  await eventually(async () => {
    await setBack.advance(2_000);
    expect(await applied(held)).toEqual([1, 2, 3, 4]);
  });
  stop.abort();
  await setBack.advance(2_000);
  await watching;
});

test("a parked message that fails at a replay is retried by itself once its cause is gone", async () => {
  await holdKey();
  faults.clear();
  faults.set(3, new RangeError("another bug"));
  const [first = ""] = await deadLetterIds();
  const { replay } = parts();
  expect(await replay.one(first, { dryRun: false })).toMatchObject({ outcome: "APPLIED", released: 0 });
  expect(await causes()).toEqual(["HANDLER_FAILED", "PARKED"]);
  faults.clear();
  const stop = new AbortController();
  const watching = watchBlockedKeys(stop.signal, { db, replay, clock, logger, metrics });
  await eventually(async () => {
    await clock.advance(2_000);
    expect(await applied(held)).toEqual([1, 2, 3, 4]);
  });
  stop.abort();
  await clock.advance(2_000);
  await watching;
  expect(await causes()).toEqual([]);
});

test("a message that ended processes is tried again only by who asks for it, and then what waits behind it follows", async () => {
  const poison = decode(recordOf(held, 2));
  if (poison.kind === "undecodable") throw new Error(poison.deadLetter.detail);
  const { id: messageId, type, record } = poison.message;
  const deadLetter = { cause: "PROCESS_KILLED", detail: "", messageId, type, record } as const;
  const { deadLetters, replay } = parts();
  await deadLetters.add(deadLetter, new AbortController().signal);
  await deliver(recordOf(held, 3));
  const stop = new AbortController();
  const watching = watchBlockedKeys(stop.signal, { db, replay, clock, logger, metrics });
  for (let look = 0; look < 2; look += 1) {
    await eventually(() => expect(clock.sleeperCount).toBe(1));
    await clock.advance(3_600_000);
  }
  stop.abort();
  await watching;
  const all = { key: undefined, afterId: undefined, dryRun: false };
  for (const cause of [undefined, "PARKED"] as const)
    expect(await replay.many({ ...all, cause })).toEqual({ outcomes: {}, lastId: null });
  expect(await applied(held)).toEqual([]);
  expect(await replay.many({ ...all, cause: "PROCESS_KILLED" })).toEqual({ outcomes: { APPLIED: 2 }, lastId: null });
  expect(await applied(held)).toEqual([2, 3]);
});

test("what waits is applied in the order in which it came, whatever the clocks were by which its ids were made", async () => {
  await holdKey();
  faults.clear();
  await db.execute(
    sql`update dead_letter set id = ('ffffffff-ffff-7000-8000-' || lpad((1000000 - seq)::text, 12, '0'))::uuid`,
  );
  const [first = ""] = await deadLetterIds();
  await parts().replay.one(first, { dryRun: false });
  expect(await applied(held)).toEqual([1, 2, 3, 4]);
});

test("messages that come while their key is being released are applied after it, and none is left waiting for nobody", async () => {
  await holdKey();
  faults.clear();
  const [first = ""] = await deadLetterIds();
  const { replay, handle } = parts();
  const later = Array.from({ length: 40 }, (_, index) => recordOf(held, 5 + index));
  const arriving = (async () => {
    for (const record of later) await handle([record], new AbortController().signal);
  })();
  await Bun.sleep(5);
  await replay.one(first, { dryRun: false });
  await arriving;
  expect(await causes()).toEqual([]);
  expect(await applied(held)).toEqual([1, 2, 3, 4, ...later.map((_, index) => 5 + index)]);
});

test("a replay of many takes each key in order and counts what came of it; a dry run leaves everything as it was", async () => {
  await holdKey();
  faults.set(20, new MessageRefused("never"));
  await deliver(recordOf(other, 20));
  faults.delete(2);
  const { replay } = parts();
  const all = { cause: undefined, key: undefined, afterId: undefined };
  const expected = { outcomes: { APPLIED: 3, REFUSED: 1 }, lastId: null };
  expect(await replay.many({ ...all, dryRun: true })).toEqual(expected);
  expect(await causes()).toHaveLength(4);
  expect(await replay.many({ ...all, key: other, dryRun: false })).toEqual({ outcomes: { REFUSED: 1 }, lastId: null });
  expect(await replay.many({ ...all, cause: "PARKED", dryRun: false })).toEqual({
    outcomes: { APPLIED: 3 },
    lastId: null,
  });
  expect(await applied(held)).toEqual([1, 2, 3, 4]);
  expect(await causes()).toEqual(["REFUSED"]);
});

test("a key that cannot be tried again does not keep the others from it", async () => {
  faults.set(1, new TypeError("a bug"));
  await deliver(recordOf(held, 1));
  await deliver(recordOf(other, 1));
  faults.clear();
  const { replay } = parts();
  const again = (key: string) => (key === held ? Promise.reject(new Error("not now")) : replay.again(key));
  const stop = new AbortController();
  const watching = watchBlockedKeys(stop.signal, { db, replay: { ...replay, again }, clock, logger, metrics });
  await eventually(async () => {
    await clock.advance(2_000);
    expect(await applied(other)).toEqual([1]);
  });
  stop.abort();
  await clock.advance(2_000);
  await watching;
  expect(await applied(held)).toEqual([]);
});
