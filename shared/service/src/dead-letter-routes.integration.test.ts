import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { DeadLetterBulk, DeadLetterBulkAnswer } from "@shop/contracts/http/bulk";
import { DeadLetter } from "@shop/contracts/http/dead-letter";
import { DecreaseProductCommand, ProductDecreased } from "@shop/contracts/messages/product";
import { appendAuditEntry, bySystem, type NewAuditEntry } from "@shop/database/audit-trail";
import { inTransaction } from "@shop/database/transaction";
import { byType, MessageRefused, on } from "@shop/messaging/inbox/handlers";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { purgeAuditTrail } from "./audit-retention.ts";
import { runBulkOperations } from "./bulk.ts";
import { participantUnderTest, type ParticipantUnderTest, recordOf, sent } from "./testing/participant-under-test.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
/** What the handler throws after it has written; undefined lets it go through. */
let fault: Error | undefined;

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(
    {
      name: "orchestrator",
      migrations: [],
      routes: () => {},
      messaging: {
        topics: ["product.commands"],
        handlers: () =>
          byType(
            on(DecreaseProductCommand, async (tx, messages) => {
              for (const { key } of messages) await tx.execute(sql`insert into effect values (${key})`);
              if (fault) throw fault;
              return messages.map(({ key }) =>
                outgoing(ProductDecreased, key, { orderId: key, result: "SUCCESS" }, undefined),
              );
            }),
          ),
      },
    },
    database.url,
  );
  await service.context.db.execute(sql`create table effect (key text not null)`);
}, 120_000);
beforeEach(async () => {
  fault = undefined;
  await service.context.db.execute(sql`truncate dead_letter, effect`);
});
afterAll(async () => {
  await service.close();
  await database.drop();
});

/** Whatever an answer of these calls may hold. */
interface Body {
  readonly items: readonly DeadLetter[];
  readonly nextCursor: string | null;
  readonly outcome: string;
  readonly detail: string | null;
}

async function call(
  method: string,
  path: string,
  json?: object,
): Promise<{ readonly status: number; readonly body: Body }> {
  const headers = { ...(await service.as("admin", uuidV7())), "content-type": "application/json" };
  const body = json === undefined ? {} : { body: JSON.stringify(json) };
  const response = await service.app.request(path, { method, headers, ...body });
  return { status: response.status, body: (await response.json()) as Body };
}
const list = async (query = "") => (await call("GET", `/api/dead-letters${query}`)).body;
const replay = (id: string, dryRun = false) => call("POST", `/api/dead-letters/${id}/replay`, { dryRun });
const effects = async () => (await service.context.db.execute(sql`select from effect`)).length;

/** A message that was refused once. */
async function refusedMessage() {
  const key = uuidV7();
  const data = { orderId: key, items: [{ productId: key, quantity: 1 }] };
  const record = recordOf(outgoing(DecreaseProductCommand, key, data, undefined), service.clock);
  fault = new MessageRefused("not today");
  await service.receiveRecords([record]);
  fault = undefined;
  const [deadLetter] = (await list()).items;
  return { key, record, id: deadLetter?.id ?? "" };
}

test("entries of the audit trail beyond their days are deleted, and younger ones are kept", async () => {
  const { context } = service;
  const entry = (id: string, days: number): NewAuditEntry => ({
    ...{ ...bySystem, id, at: new Date(context.clock.now() - days * 86_400_000), action: "SAGA_RETRIED" },
    subject: { type: "saga", id: "of long ago" },
  });
  const [old, kept] = [uuidV7(), uuidV7()];
  await inTransaction(context.db, async (tx) => {
    await appendAuditEntry(tx, entry(old, 502));
    await appendAuditEntry(tx, entry(kept, 500));
  });
  const stopping = new AbortController();
  const purging = purgeAuditTrail(context, stopping.signal, 501);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await purging;
  expect((await service.entriesAbout("of long ago")).map(({ id }) => id)).toEqual([kept]);
});

test("what could not be handled is listed newest first, page by page, as the contract has it", async () => {
  const { record } = await refusedMessage();
  const binary = { ...record, offset: "900001", value: Buffer.from([0xff, 0x00]) };
  await service.receiveRecords([binary, { ...record, offset: "900002", value: null }]);
  const { items, nextCursor } = await list("?limit=2");
  expect(items.map(({ cause }) => cause)).toEqual(["EMPTY", "NOT_JSON"]);
  expect(items[1]?.payload).toEqual({ encoding: "base64", text: "/wA=", bytes: 2 });
  const rest = await list(`?limit=2&cursor=${nextCursor}`);
  expect(rest).toMatchObject({ items: [{ cause: "REFUSED", service: "orchestrator" }], nextCursor: null });
  for (const item of [...items, ...rest.items]) DeadLetter.parse(item);
  expect((await list("?cause=EMPTY")).items).toHaveLength(1);
  expect((await list("?service=order")).items).toHaveLength(0);
});

test("a payload cut within a character is shown as text up to there", async () => {
  const { record } = await refusedMessage();
  await service.receiveRecords([{ ...record, offset: "900003", value: Buffer.from(`a${"가".repeat(1_000)}`) }]);
  const [deadLetter] = (await list("?cause=NOT_JSON")).items;
  expect(deadLetter?.payload).toEqual({ encoding: "utf-8", text: `a${"가".repeat(666)}`, bytes: 3_001 });
});

test("a replay applies the message once, with the messages that follow from it; a further one is 409", async () => {
  const { key, record, id } = await refusedMessage();
  await service.takeSent();
  expect(await replay(id)).toMatchObject({ status: 202, body: { outcome: "APPLIED", service: "orchestrator" } });
  expect(await service.takeSent()).toEqual([sent(ProductDecreased, key, { orderId: key, result: "SUCCESS" })]);
  expect((await replay(id)).body).toMatchObject({ status: 409, code: "DEAD_LETTER_REPLAYED" });
  await service.receiveRecords([record]);
  expect(await effects()).toBe(1);
  expect((await list()).items.find((deadLetter) => deadLetter.id === id)?.replayedAt).toBeString();
  expect((await replay(uuidV7())).status).toBe(404);
  expect(await service.entriesAbout(id)).toMatchObject([
    {
      ...{ action: "DEAD_LETTER_REPLAYED", actor: { role: "admin" }, subject: { type: "dead-letter" } },
      ...{ before: { cause: "REFUSED", key }, after: { outcome: "APPLIED" } },
    },
  ]);
});

test("a dry run says what would happen, and leaves nothing behind", async () => {
  const { id } = await refusedMessage();
  await service.takeSent();
  expect(await replay(id, true)).toMatchObject({ status: 202, body: { dryRun: true, outcome: "APPLIED" } });
  expect([await effects(), await service.takeSent()]).toEqual([0, []]);
  expect((await list()).items[0]?.replayedAt).toBeNull();
  expect((await replay(id)).body.outcome).toBe("APPLIED");
});

test("a replay that fails again keeps nothing of what the handler did, and the dead letter stays", async () => {
  const { id } = await refusedMessage();
  fault = new TypeError("a bug");
  const { status, body } = await replay(id);
  expect([status, body.outcome]).toEqual([202, "FAILED"]);
  expect(body.detail).toMatch(/^TypeError \(at .*dead-letter-routes\.integration\.test\.ts/);
  expect(await effects()).toBe(0);
  fault = undefined;
  expect((await replay(id)).body.outcome).toBe("APPLIED");
});

test("a message that was handled meanwhile is known, and is not applied again", async () => {
  const { record, id } = await refusedMessage();
  await service.receiveRecords([record]);
  expect((await replay(id)).body.outcome).toBe("KNOWN");
  expect(await effects()).toBe(1);
});

test("replays of one letter at the same time apply it once", async () => {
  const { id } = await refusedMessage();
  const answers = await Promise.all(Array.from({ length: 5 }, () => replay(id)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409, 409, 409, 409]);
  expect(await effects()).toBe(1);
});

test("a letter that waits behind another is refused with 409, which says what to replay first; many are replayed in one call", async () => {
  const key = uuidV7();
  const data = { orderId: key, items: [{ productId: key, quantity: 1 }] };
  const message = () => recordOf(outgoing(DecreaseProductCommand, key, data, undefined), service.clock);
  fault = new TypeError("a bug");
  const failing = service.receiveRecords([message(), message()]);
  await eventually(async () => {
    await service.clock.advance(1_000);
    expect((await list(`?key=${key}`)).items).toHaveLength(2);
  });
  await failing;
  fault = undefined;
  const [parked, first] = (await list(`?key=${key}`)).items;
  expect([first?.cause, parked?.cause]).toEqual(["HANDLER_FAILED", "PARKED"]);
  const refusal = (await replay(parked?.id ?? "")).body;
  expect(refusal).toMatchObject({
    status: 409,
    code: "DEAD_LETTER_WAITS",
    detail: expect.stringContaining(first?.id ?? "?"),
  });
  const many = (body: object) => call("POST", "/api/dead-letters/replay", body);
  const counted = { dryRun: true, outcomes: { APPLIED: 2 }, nextCursor: null, unavailable: [] };
  expect(await many({ key, dryRun: true })).toMatchObject({ status: 202, body: counted });
  expect((await many({ key, service: "order" })).body).toMatchObject({ outcomes: {} });
  expect((await many({ key })).body).toMatchObject({ dryRun: false, outcomes: { APPLIED: 2 } });
  expect(await effects()).toBe(2);
});

test("a list of ids replays these letters and leaves the others", async () => {
  const [one, other, left] = [await refusedMessage(), await refusedMessage(), await refusedMessage()];
  const body = { ids: [one.id, other.id.toUpperCase(), uuidV7()] };
  const replayed = await call("POST", "/api/dead-letters/replay", body);
  expect(replayed).toMatchObject({ status: 202, body: { outcomes: { APPLIED: 2 }, nextCursor: null } });
  const open = (await list("?state=OPEN")).items.map(({ id }) => id);
  expect(open).toContain(left.id);
  for (const { id } of [one, other]) expect(open).not.toContain(id);
  expect((await replay(left.id)).body.outcome).toBe("APPLIED");
});

const beginReplays = async (body: object) =>
  DeadLetterBulkAnswer.parse((await call("POST", "/api/bulk/dead-letters", { action: "REPLAY", ...body })).body);
const operation = async (id = "") => DeadLetterBulk.parse((await call("GET", `/api/bulk/dead-letters/${id}`)).body);

/** Lets bulk replays go on until one of them has ended. */
async function carryOut(id: string | undefined): Promise<DeadLetterBulk> {
  const stopping = new AbortController();
  const working = runBulkOperations(service.context, stopping.signal, service.replays);
  const ended = await eventually(async () => {
    if (service.clock.sleeperCount > 0) await service.clock.advance(1_000);
    const found = await operation(id);
    expect(found.status).not.toBe("RUNNING");
    return found;
  });
  stopping.abort();
  await working;
  return ended;
}

test("a bulk replay counts first, handles all that its filter finds once, and is in the audit trail", async () => {
  const letters = [await refusedMessage(), await refusedMessage(), await refusedMessage()];
  const [left] = letters;
  const dry = await beginReplays({ filter: { cause: "REFUSED" } });
  expect(dry).toMatchObject({ dryRun: true, total: 3, operations: [] });
  expect(dry.sample[0]?.what).toBe(`DecreaseProductCommand, REFUSED, key ${left?.key}`);
  expect(await effects()).toBe(0);
  expect(await beginReplays({ filter: { service: "order" } })).toMatchObject({ total: 0, sample: [] });

  await service.context.db.execute(sql`update dead_letter set replayed_at = now() where id = ${left?.id ?? ""}`);
  const { operations } = await beginReplays({ filter: { cause: "REFUSED" }, dryRun: false });
  expect(operations).toMatchObject([{ service: "orchestrator", status: "RUNNING", total: 2, done: 0 }]);
  const done = await carryOut(operations[0]?.id);
  expect(done).toMatchObject({ status: "DONE", done: 2, outcomes: { DONE: 2 }, refusals: [] });
  expect(await effects()).toBe(2);
  const entries = await service.entriesAbout(done.id);
  expect(entries.map(({ action }) => action)).toEqual(["BULK_STARTED", "BULK_CARRIED_OUT", "BULK_CARRIED_OUT"]);
  const page = (await call("GET", "/api/bulk/dead-letters")).body.items;
  expect(page.map(({ id }) => id)).toContain(done.id);
});

test("a bulk replay names what fails again and what waits behind it, and leaves alone what has crashed its process", async () => {
  const key = uuidV7();
  const data = { orderId: key, items: [{ productId: key, quantity: 1 }] };
  const message = () => recordOf(outgoing(DecreaseProductCommand, key, data, undefined), service.clock);
  fault = new TypeError("a bug");
  const failing = service.receiveRecords([message(), message()]);
  await eventually(async () => {
    await service.clock.advance(1_000);
    expect((await list(`?key=${key}`)).items).toHaveLength(2);
  });
  await failing;
  const poison = await refusedMessage();
  fault = new TypeError("a bug");
  await service.context.db.execute(
    sql`update dead_letter set cause = 'PROCESS_KILLED', blocks_key = true where id = ${poison.id}`,
  );
  const ids = (await list()).items.map(({ id }) => id);
  const { operations } = await beginReplays({ ids, dryRun: false });
  const { outcomes, refusals } = await carryOut(operations[0]?.id);
  expect(outcomes).toEqual({ FAILED: 1, WAITS: 1, PROCESS_KILLED: 1 });
  expect(refusals.find(({ code }) => code === "WAITS")?.detail).toContain("TypeError");
  expect(await effects()).toBe(0);
  expect((await list("?state=OPEN")).items).toHaveLength(3);
});

test("a bulk replay that is stopped does no more", async () => {
  await refusedMessage();
  const { operations } = await beginReplays({ filter: {}, dryRun: false });
  const id = operations[0]?.id ?? "";
  expect((await call("POST", `/api/bulk/dead-letters/${id}/stop`)).status).toBe(202);
  expect(await carryOut(id)).toMatchObject({ status: "STOPPED", done: 0 });
  expect(await effects()).toBe(0);
  expect((await call("GET", `/api/bulk/dead-letters/${uuidV7()}`)).status).toBe(404);
});
