import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { bySystem } from "@shop/database/audit-trail";
import { ReportReservationsCommand, ReservationsReported } from "@shop/contracts/messages/audit";
import type { DecreaseRefusal } from "@shop/contracts/messages/product";
import {
  DecreaseProductCommand,
  IncreaseProductCommand,
  ProductDecreased,
  ProductIncreased,
} from "@shop/contracts/messages/product";
import { MAX_STOCK } from "@shop/contracts/primitives";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { inTransaction } from "@shop/database/transaction";
import { uuidV7 } from "@shop/runtime/ids";
import {
  type ParticipantUnderTest,
  participantUnderTest,
  recordOf,
  sent,
} from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { eq, sql } from "drizzle-orm";
import { product, reservation, stockAudit } from "./db/schema.ts";
import { auditBooks, type AuditOptions } from "./db/stock-audit.ts";
import type { ReservationStatus } from "./domain/stock.ts";
import { productService } from "./service.ts";
import { auditStock } from "./use-cases/audit-stock.ts";
import { changeStock } from "./use-cases/change-stock.ts";
import { createProduct } from "./use-cases/create-product.ts";
import { returnStock } from "./use-cases/return-stock.ts";
import { takeStock } from "./use-cases/take-stock.ts";
import { withdrawProduct } from "./use-cases/withdraw-product.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const origin = { ...bySystem, actor: { id: uuidV7(), role: "admin" } } as const;
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

type Items = Readonly<Record<string, number>>;
const take = (orderId: string, items: Items) =>
  outgoing(
    DecreaseProductCommand,
    orderId,
    { orderId, items: Object.entries(items).map(([productId, quantity]) => ({ productId, quantity })) },
    traceparent,
  );
const giveBack = (orderId: string) => outgoing(IncreaseProductCommand, orderId, { orderId }, traceparent);
const taken = (orderId: string) => sent(ProductDecreased, orderId, { orderId, result: "SUCCESS" });
const refused = (orderId: string, reason: DecreaseRefusal) =>
  sent(ProductDecreased, orderId, { orderId, result: "FAILURE", reason });
const returned = (orderId: string) => sent(ProductIncreased, orderId, { orderId });
const orders = (count: number) => Array.from({ length: count }, uuidV7);

async function onSale(stock: number): Promise<string> {
  const facts = { name: "Tea", description: "", price: 4_500, currency: "KRW" } as const;
  const { id } = await createProduct(service.context, { ...facts, stock, origin, traceparent });
  await service.takeSent();
  return id;
}

async function stockOf(id: string): Promise<number | undefined> {
  const [row] = await service.context.db.select({ stock: product.stock }).from(product).where(eq(product.id, id));
  return row?.stock;
}

const sinceLast = (): AuditOptions => ({ signal: new AbortController().signal, now: new Date(service.clock.now()) });
/** A round of the audit in a replica, by a session of its own. */
const auditIn = (replica: ParticipantUnderTest) => auditBooks(replica.context.db, sinceLast());

beforeAll(async () => {
  database = await createTestDatabase({ service: "product" });
  service = await participantUnderTest(productService, database.url);
  twin = await participantUnderTest(productService, database.url);
}, 120_000);
beforeEach(async () => {
  await service.takeSent();
});
afterAll(async () => {
  const drift = (await auditBooks(service.context.db, { ...sinceLast(), isFull: true }))?.imbalances;
  await service.close();
  await twin.close();
  await database.drop();
  // Whatever the tests above did, the books balance.
  expect(drift).toEqual([]);
});

describe("taking stock", () => {
  test("takes all items of an order and answers with success, in the trace of the command", async () => {
    const [tea, jar, orderId] = [await onSale(5), await onSale(2), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2, [jar]: 2 }));
    const [answer] = await service.context.db.execute<{ trace: string }>(
      sql`select substr(payload ->> 'traceparent', 4, 32) as trace from outbox where key = ${orderId}`,
    );
    expect(answer?.trace).toBe(traceparent.slice(3, 35));
    expect(await service.takeSent()).toEqual([taken(orderId)]);
    expect([await stockOf(tea), await stockOf(jar)]).toEqual([3, 0]);
  });

  test("takes nothing when one item falls short, is unknown, or was withdrawn", async () => {
    const [tea, jar, gone] = [await onSale(5), await onSale(1), await onSale(9)];
    await withdrawProduct(service.context, { productId: gone, traceparent, origin });
    await service.takeSent();
    const [short, unknown, withdrawn] = [uuidV7(), uuidV7(), uuidV7()];
    await service.receive(take(short, { [tea]: 1, [jar]: 2 }));
    await service.receive(take(unknown, { [tea]: 1, [uuidV7()]: 1 }), take(withdrawn, { [tea]: 1, [gone]: 1 }));
    expect(await service.takeSent()).toEqual([
      refused(short, "OUT_OF_STOCK"),
      refused(unknown, "PRODUCT_NOT_FOUND"),
      refused(withdrawn, "PRODUCT_NOT_FOUND"),
    ]);
    expect([await stockOf(tea), await stockOf(jar), await stockOf(gone)]).toEqual([5, 1, 9]);
  });

  test("in a batch in which one product falls short serves first come, first served, and the others in full", async () => {
    const [tea, jar] = [await onSale(100), await onSale(3)];
    const [a, b, c, d] = [uuidV7(), uuidV7(), uuidV7(), uuidV7()];
    await service.receive(
      take(d, { [jar]: 2, [tea]: 1 }),
      take(c, { [tea]: 7 }),
      take(b, { [jar]: 2, [tea]: 1 }),
      take(a, { [jar]: 1 }),
    );
    expect(await service.takeSent()).toEqual([taken(d), taken(c), refused(b, "OUT_OF_STOCK"), taken(a)]);
    expect([await stockOf(tea), await stockOf(jar)]).toEqual([92, 0]);
  });

  test("a redelivered command takes stock once and is answered once", async () => {
    const [tea, orderId] = [await onSale(5), uuidV7()];
    const records = [recordOf(take(orderId, { [tea]: 2 }), service.clock)];
    await Promise.all([service.receiveRecords(records), twin.receiveRecords(records), twin.receiveRecords(records)]);
    expect(await service.takeSent()).toEqual([taken(orderId)]);
    expect(await stockOf(tea)).toBe(3);
  });

  test("a command that is sent again takes stock once and is given the same answer again, whatever has changed since", async () => {
    const [tea, jar] = [await onSale(3), await onSale(0)];
    const [lucky, unlucky] = [uuidV7(), uuidV7()];
    const both = [take(lucky, { [tea]: 3 }), take(unlucky, { [jar]: 1 })];
    await service.receive(...both, ...both);
    await changeStock(service.context, { productId: jar, delta: 10, origin });
    await Promise.all([service.receive(...both), twin.receive(...both.toReversed())]);
    const answers = await service.takeSent();
    const expected = [taken(lucky), refused(unlucky, "OUT_OF_STOCK")];
    expect(answers).toHaveLength(8);
    for (const answer of expected)
      expect(answers.filter(({ key }) => key === answer.key)).toEqual(Array(4).fill(answer));
    expect([await stockOf(tea), await stockOf(jar)]).toEqual([0, 10]);
  });

  test("200 orders that race in two replicas for the last 20 pieces get exactly 20, whatever the batches", async () => {
    const tea = await onSale(20);
    const commands = orders(200).map((orderId) => take(orderId, { [tea]: 1 }));
    const batches = Array.from({ length: 40 }, (_, index) => commands.slice(index * 5, index * 5 + 5));
    await Promise.all(batches.map((batch, index) => (index % 2 === 0 ? service : twin).receive(...batch)));
    const results = (await service.takeSent()).map(({ data }) => ProductDecreased.data.parse(data).result);
    expect(results).toHaveLength(200);
    expect(results.filter((result) => result === "SUCCESS")).toHaveLength(20);
    expect(await stockOf(tea)).toBe(0);
  });

  test("the same orders in opposite sequence in two replicas never end in a circle of waiting", async () => {
    const tea = await onSale(10_000);
    const rounds = Array.from({ length: 8 }, () => orders(200));
    await Promise.all(
      rounds.flatMap((orderIds) => [
        service.receive(...orderIds.map((orderId) => take(orderId, { [tea]: 1 }))),
        twin.receive(...orderIds.toReversed().map((orderId) => take(orderId, { [tea]: 1 }))),
        twin.receive(...orderIds.toReversed().map(giveBack)),
      ]),
    );
    expect([...service.lines, ...twin.lines].filter(({ level }) => level === "warn")).toEqual([]);
    expect(await stockOf(tea)).toBe(10_000);
  });

  test("replicas and an admin who touch the same products in opposite orders never wait for each other in a circle", async () => {
    const [first, second] = [await onSale(1_000), await onSale(1_000)];
    const rounds = Array.from({ length: 40 }, (_, round) =>
      round % 2 === 0
        ? { replica: service, one: first, other: second, held: uuidV7() }
        : { replica: twin, one: second, other: first, held: uuidV7() },
    );
    await service.receive(...rounds.map(({ held, other }) => take(held, { [other]: 1 })));
    const deadlocksBefore = await deadlocks();
    await Promise.all(
      rounds.flatMap(({ replica, one, other, held }) => [
        // A batch that takes from one product and then gives back to the other, and one that takes from both.
        replica.receive(take(uuidV7(), { [one]: 1 }), giveBack(held)),
        replica.receive(take(uuidV7(), { [one]: 1, [other]: 1 })),
        changeStock(replica.context, { productId: one, delta: 1, origin }),
      ]),
    );
    expect(await deadlocks()).toBe(deadlocksBefore);
    // Of each product 60 were taken and 20 added; the 20 held before have come back.
    expect([await stockOf(first), await stockOf(second)]).toEqual([960, 960]);
  });
});

describe("giving stock back", () => {
  test("gives back exactly what the order took, once, however often it is asked to", async () => {
    const [tea, jar, orderId] = [await onSale(5), await onSale(1), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2, [jar]: 1 }), take(uuidV7(), { [tea]: 1 }));
    await service.takeSent();
    const records = [recordOf(giveBack(orderId), service.clock)];
    await Promise.all([service.receiveRecords(records), twin.receiveRecords(records), twin.receive(giveBack(orderId))]);
    expect(await service.takeSent()).toEqual([returned(orderId), returned(orderId)]);
    expect([await stockOf(tea), await stockOf(jar)]).toEqual([4, 1]);
  });

  test("before anything was taken leaves a tombstone: the command that comes late takes nothing", async () => {
    const [tea, orderId] = [await onSale(5), uuidV7()];
    await service.receive(giveBack(orderId));
    await service.receive(take(orderId, { [tea]: 1 }));
    await service.receive(giveBack(orderId));
    expect(await service.takeSent()).toEqual([
      returned(orderId),
      refused(orderId, "ALREADY_RETURNED"),
      returned(orderId),
    ]);
    expect(await stockOf(tea)).toBe(5);
  });

  test("taken, given back and taken again in one batch ends with nothing taken", async () => {
    const [tea, orderId] = [await onSale(5), uuidV7()];
    await service.receive(take(orderId, { [tea]: 1 }), giveBack(orderId), take(orderId, { [tea]: 1 }));
    expect(await service.takeSent()).toEqual([taken(orderId), returned(orderId), refused(orderId, "ALREADY_RETURNED")]);
    expect(await stockOf(tea)).toBe(5);
  });

  test("of an order that was refused gives nothing back", async () => {
    const [tea, orderId] = [await onSale(1), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2 }));
    await service.receive(giveBack(orderId));
    expect(await service.takeSent()).toEqual([refused(orderId, "OUT_OF_STOCK"), returned(orderId)]);
    expect(await stockOf(tea)).toBe(1);
  });

  test("to a product that was withdrawn meanwhile is counted there", async () => {
    const [tea, orderId] = [await onSale(5), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2 }));
    await withdrawProduct(service.context, { productId: tea, traceparent, origin });
    await service.takeSent();
    await service.receive(giveBack(orderId));
    expect(await service.takeSent()).toEqual([returned(orderId)]);
    expect(await stockOf(tea)).toBe(5);
  });

  test("never fails for want of room: what orders hold counts when stock is added", async () => {
    const [tea, orderId] = [await onSale(MAX_STOCK), uuidV7()];
    await service.receive(take(orderId, { [tea]: 1_000 }));
    const add = (delta: number) => changeStock(service.context, { productId: tea, delta, origin });
    expect(await add(1)).toEqual({ kind: "refused", code: "STOCK_OUT_OF_RANGE" });
    await service.receive(giveBack(orderId));
    expect(await stockOf(tea)).toBe(MAX_STOCK);
  });
});

async function deadlocks(): Promise<number> {
  await service.context.db.execute(sql`select pg_stat_force_next_flush()`);
  const [row] = await service.context.db.execute<{ deadlocks: number }>(
    sql`select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()`,
  );
  return row?.deadlocks ?? 0;
}

describe("the audit", () => {
  test("is told what orders hold, and of no others", async () => {
    const tea = await onSale(10);
    const [buyer, returner, refusedOne, stranger] = orders(4) as [string, string, string, string];
    await service.receive(take(buyer, { [tea]: 2 }), take(returner, { [tea]: 3 }), take(refusedOne, { [tea]: 1_000 }));
    await service.receive(giveBack(returner));
    await service.takeSent();
    const auditId = uuidV7();
    const question = { auditId, orderIds: [buyer, returner, refusedOne, stranger] };
    await service.receive(outgoing(ReportReservationsCommand, auditId, question, traceparent));
    const reservations = [{ orderId: buyer, items: [{ productId: tea, quantity: 2 }] }];
    expect(await service.takeSent()).toEqual([sent(ReservationsReported, auditId, { auditId, reservations })]);
  });

  test("names a product whose stock was changed behind the books, and one that nobody holds what is taken of, until they are put right", async () => {
    const [tea, jar, orderId] = [await onSale(10), await onSale(5), uuidV7()];
    await service.receive(take(uuidV7(), { [tea]: 2 }), take(orderId, { [jar]: 1 }));
    await service.context.db.update(product).set({ stock: 9 }).where(eq(product.id, tea));
    const setStatus = (status: ReservationStatus) =>
      service.context.db.update(reservation).set({ status }).where(eq(reservation.orderId, orderId));
    await setStatus("RETURNED");
    const stopping = new AbortController();
    const auditing = auditStock(service.context, stopping.signal);
    await eventually(() => expect(service.clock.sleeperCount).toBe(1));
    const told = service.lines.filter(({ level }) => level === "error");
    expect(told.toSorted((one, other) => Number(other["broughtIn"]) - Number(one["broughtIn"]))).toMatchObject([
      { productId: tea, broughtIn: 10, stock: 9, taken: 2, held: 2 },
      { productId: jar, broughtIn: 5, stock: 4, taken: 1, held: 0 },
    ]);
    expect(service.context.metrics.read("books_drift_products")).toBe(2);
    await setStatus("TAKEN");
    await service.context.db.update(product).set({ stock: 8 }).where(eq(product.id, tea));
    await service.clock.advance(5 * 60_000);
    await eventually(() => expect(service.clock.sleeperCount).toBe(1));
    expect(service.context.metrics.read("books_drift_products")).toBe(0);
    expect(service.context.metrics.read("stock_audit_last_finished_timestamp_seconds")).toBe(
      service.clock.now() / 1_000,
    );
    stopping.abort();
    await auditing;
  });

  test("sees one moment however many pages it reads, while stock is taken and given back", async () => {
    const [tea, jar] = [await onSale(1_000), await onSale(1_000)];
    const held = orders(60);
    await service.receive(...held.map((id) => take(id, { [tea]: 1, [jar]: 2 })));
    let goesOn = true;
    const trade = async () => {
      for (let n = 0; goesOn; n += 1) {
        const [order, other] = [uuidV7(), held[n % held.length] ?? ""];
        await twin.receive(take(order, { [tea]: 1, [jar]: 1 }), giveBack(n % 2 === 0 ? order : other));
        await changeStock(twin.context, { productId: tea, delta: 1, origin });
      }
    };
    const trading = trade();
    const inParts = { ...sinceLast(), page: 3, transactions: 7 };
    for (let round = 0; round < 10; round += 1) {
      const isFull = round % 2 === 0;
      const audited = await auditBooks(service.context.db, { ...inParts, isFull });
      expect(audited).toMatchObject({ imbalances: [], recounted: isFull ? "DUE" : undefined });
    }
    goesOn = false;
    await trading;
    await twin.takeSent();
    await service.context.db
      .update(product)
      .set({ taken: sql`taken + 1` })
      .where(eq(product.id, jar));
    const found = await auditBooks(service.context.db, inParts);
    expect(found?.recounted).toBe("IMBALANCE");
    expect(found?.imbalances.map(({ productId }) => productId)).toEqual([jar]);
    await service.context.db
      .update(product)
      .set({ taken: sql`taken - 1` })
      .where(eq(product.id, jar));
  }, 120_000);

  test("reads in its next round only what was written since, whatever became of it", async () => {
    const tea = await onSale(100);
    const [held, returner, refusedOne, tombstone, both] = orders(5) as [string, string, string, string, string];
    await service.receive(take(held, { [tea]: 1 }), take(returner, { [tea]: 2 }));
    await auditIn(service);
    const nothing = { imbalances: [], recounted: undefined, rowsRead: 0 };
    expect(await auditIn(service)).toEqual(nothing);
    await service.receive(giveBack(returner), giveBack(tombstone), take(both, { [tea]: 4 }), giveBack(both));
    await service.receive(take(refusedOne, { [tea]: 1_000 }), take(uuidV7(), { [tea]: 8 }), take(held, { [tea]: 1 }));
    await changeStock(service.context, { productId: tea, delta: 5, origin });
    // Five orders and a change of stock; a command that is sent again changes nothing.
    expect(await auditIn(service)).toEqual({ ...nothing, rowsRead: 6 });
    expect(await auditIn(service)).toEqual(nothing);
    await service.takeSent();
  });

  test("counts what is returned of a reservation that is older than the columns of transactions", async () => {
    const [tea, orderId] = [await onSale(10), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2 }));
    await service.context.db
      .update(reservation)
      .set({ decidedIn: null, changedIn: null })
      .where(eq(reservation.orderId, orderId));
    await auditBooks(service.context.db, { ...sinceLast(), isFull: true });
    await service.receive(giveBack(orderId));
    const round = await auditIn(service);
    expect(round).toEqual({ imbalances: [], recounted: undefined, rowsRead: 1 });
    await service.takeSent();
  });

  test("counts once what a transaction wrote that was open during a round, and what one wrote that ended before it", async () => {
    const { db } = service.context;
    const tea = await onSale(100);
    const [before, returner, late] = orders(3) as [string, string, string];
    await service.receive(take(returner, { [tea]: 8 }));
    await auditIn(service);
    const items = (quantity: number) => [{ productId: tea, quantity }];
    await inTransaction(db, async (tx) => {
      const now = new Date(service.clock.now());
      await takeStock(tx, [{ orderId: late, items: items(16) }], now);
      await returnStock(tx, [returner], now);
      await returnStock(tx, [uuidV7()], now);
      await takeStock(tx, [{ orderId: uuidV7(), items: items(1_000) }], now);
      // Of another product: the open transaction holds the row of this one.
      const jar = await onSale(10);
      await twin.receive(take(before, { [jar]: 1 }));
      const round = await auditIn(service);
      // The order, and the jar's first stock.
      expect(round).toEqual({ imbalances: [], recounted: undefined, rowsRead: 2 });
    });
    expect(await auditIn(service)).toEqual({ imbalances: [], recounted: undefined, rowsRead: 4 });
    await service.receive(giveBack(late), giveBack(before));
    expect(await auditIn(service)).toEqual({ imbalances: [], recounted: undefined, rowsRead: 2 });
    await service.takeSent();
  });

  test("of several replicas at once counts everything once, while stock is taken and given back", async () => {
    const tea = await onSale(1_000);
    await auditIn(service);
    for (let round = 0; round < 10; round += 1) {
      const [order, other] = orders(2) as [string, string];
      const [, ...rounds] = await Promise.all([
        service.receive(take(order, { [tea]: 1 }), take(other, { [tea]: 1 }), giveBack(order)),
        ...[service, twin, service, twin].map(auditIn),
      ]);
      for (const audited of rounds) expect(audited).toMatchObject({ imbalances: [], recounted: undefined });
    }
    // One that finds another at work waits for nothing, and keeps nothing.
    await inTransaction(service.context.db, async (tx) => {
      await tx.select().from(stockAudit).for("no key update");
      await twin.receive(take(uuidV7(), { [tea]: 1 }));
      const unkept = await auditIn(twin);
      expect(unkept).toMatchObject({ imbalances: [], recounted: undefined });
      expect(await auditIn(twin)).toEqual(unkept);
    });
    await service.takeSent();
  });

  test("counts anew after a dump was restored where transaction ids are smaller, and goes on from there", async () => {
    const { db } = service.context;
    const tea = await onSale(100);
    const [first, second] = orders(2) as [string, string];
    await service.receive(take(first, { [tea]: 1 }), take(second, { [tea]: 2 }));
    await auditBooks(db, sinceLast());
    // As a dump of another cluster brings them: all ids are of its future.
    await db.execute(
      sql`update reservation set decided_in = decided_in + 1000000000, changed_in = changed_in + 1000000000`,
    );
    await db.execute(sql`update stock_change set made_in = made_in + 1000000000`);
    await db.update(stockAudit).set({ snapshot: "1000001000:1000001000:", database: "7000000000000000000/16384" });
    expect(await auditBooks(db, sinceLast())).toMatchObject({ imbalances: [], recounted: "RESTORED" });
    await service.receive(giveBack(first), take(uuidV7(), { [tea]: 4 }));
    expect(await auditBooks(db, sinceLast())).toEqual({ imbalances: [], recounted: undefined, rowsRead: 2 });
    await service.takeSent();
  });

  test("counts anew when the ids of the last round lie beyond those of the present", async () => {
    await auditIn(service);
    await service.context.db.update(stockAudit).set({ snapshot: "1000001000:1000001000:" });
    expect(await auditIn(service)).toMatchObject({ imbalances: [], recounted: "RESTORED" });
  });

  test("counts anew once a day, which finds what was changed behind the books on both sides", async () => {
    const { db } = service.context;
    const [tea, orderId] = [await onSale(10), uuidV7()];
    await service.receive(take(orderId, { [tea]: 2 }));
    await auditBooks(db, { ...sinceLast(), isFull: true });
    const setQuantity = (quantity: number) =>
      db
        .update(reservation)
        .set({ items: [{ productId: tea, quantity }] })
        .where(eq(reservation.orderId, orderId));
    await setQuantity(3);
    expect(await auditBooks(db, sinceLast())).toEqual({ imbalances: [], recounted: undefined, rowsRead: 0 });
    const nextDay = { ...sinceLast(), now: new Date(service.clock.now() + 24 * 60 * 60_000) };
    const found = await auditBooks(db, nextDay);
    expect(found).toMatchObject({ recounted: "DUE", imbalances: [{ productId: tea, taken: 2, held: 3 }] });
    await setQuantity(2);
    expect(await auditBooks(db, nextDay)).toMatchObject({ recounted: "IMBALANCE", imbalances: [] });
    await service.takeSent();
  });
});
