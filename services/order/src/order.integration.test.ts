import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Order } from "@shop/contracts/http/order";
import { OrdersReported, ReportOrdersCommand } from "@shop/contracts/messages/audit";
import { DeliveryCompleted, DeliveryCreated } from "@shop/contracts/messages/delivery";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCancelRequested,
  OrderCompleted,
  OrderCreated,
} from "@shop/contracts/messages/order";
import { ProductChanged, ProductDecreased, ProductsAnnounced } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { childTraceparent } from "@shop/runtime/trace";
import {
  participantUnderTest,
  type ParticipantUnderTest,
  recordOf,
  sent,
} from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { settled } from "@shop/testing/settled";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { createOrderService, orderService } from "./service.ts";
import { endOrders } from "./use-cases/end-orders.ts";
import { type OrderRequest, type Placed, placeOrders } from "./use-cases/place-order.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const tea = uuidV7();
const cake = uuidV7();
const customer = uuidV7();
const deliveryAddress = "1 Sejong-daero, Seoul";

const product = (productId: string, changes: object = {}) =>
  outgoing(
    ProductChanged,
    productId,
    { productId, name: "Tea", price: 4_500, currency: "KRW", withdrawn: false, version: 1, ...changes },
    undefined,
  );

/** As much of the answers' bodies as these tests look into without parsing them. */
interface Body {
  readonly id: string;
  readonly total: number;
  readonly code: string;
  readonly items: readonly Order[];
  readonly nextCursor: string | null;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  user = customer,
  via = service,
) {
  const role = user === admin ? "admin" : "customer";
  const response = await via.app.request(path, {
    method,
    headers: {
      ...(await via.as(role, user)),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}
const admin = uuidV7();

async function placed(user = customer): Promise<Order> {
  const { status, body } = await call(
    "POST",
    "/api/orders",
    { items: [{ productId: tea, quantity: 2 }], deliveryAddress },
    {},
    user,
  );
  expect(status).toBe(201);
  await service.takeSent();
  return Order.parse(body);
}
/** Lets the service do once, `ms` from now, all that it does beside requests and messages. */
async function workAfter(ms: number): Promise<void> {
  await service.clock.advance(ms);
  const stopping = new AbortController();
  const working = (orderService.background ?? []).map((run) => run(service.context, stopping.signal));
  // The one that asks for the catalogue has ended: it is complete.
  await eventually(() => expect(service.clock.sleeperCount).toBe(working.length - 1));
  stopping.abort();
  await Promise.all(working);
}
const read = async (id: string) => Order.parse((await call("GET", `/api/orders/${id}`)).body);

beforeAll(async () => {
  database = await createTestDatabase({ service: "order" });
  service = await participantUnderTest(orderService, database.url);
  twin = await participantUnderTest(orderService, database.url);
  await service.receive(product(tea), product(cake, { name: "Cake", price: 8_000 }));
  await service.receive(outgoing(ProductsAnnounced, "catalogue", { products: 2 }, undefined));
}, 120_000);
afterAll(async () => {
  await service.close();
  await twin.close();
  await database.drop();
});

describe("placing an order", () => {
  test("stores it PENDING with names and prices as bought, and its OrderCreated with it", async () => {
    const body = {
      items: [
        { productId: tea, quantity: 2 },
        { productId: cake, quantity: 1 },
      ],
      deliveryAddress,
    };
    const answer = await call("POST", "/api/orders", body);
    expect(answer.status).toBe(201);
    const order = Order.parse(answer.body);
    expect(answer.headers.get("location")).toBe(`/api/orders/${order.id}`);
    expect(order).toMatchObject({
      status: "PENDING",
      progress: "CREATED",
      total: 17_000,
      cancelReason: null,
      customerId: customer,
    });
    expect(order.items[1]).toEqual({ productId: cake, name: "Cake", unitPrice: 8_000, quantity: 1 });
    const snapshot = {
      orderId: order.id,
      customerId: customer,
      items: body.items,
      total: 17_000,
      currency: "KRW",
      deliveryAddress,
    } as const;
    expect(await service.takeSent()).toEqual([sent(OrderCreated, order.id, snapshot)]);
    expect(await read(order.id)).toEqual(order);
  });

  test("of a hundred at once each gets its own order and its own OrderCreated", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        call("POST", "/api/orders", { items: [{ productId: tea, quantity: index + 1 }], deliveryAddress }),
      ),
    );
    const quantities = answers.map(({ body }) => Order.parse(body).items[0]?.quantity);
    expect(quantities).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await service.takeSent()).toHaveLength(100);
  });

  test("for a product that is unknown or withdrawn is refused with its position, and nothing is stored", async () => {
    const gone = uuidV7();
    await service.receive(product(gone), product(gone, { version: 2, withdrawn: true }));
    for (const productId of [gone, uuidV7()]) {
      const items = [
        { productId: tea, quantity: 1 },
        { productId, quantity: 1 },
      ];
      const { status, body } = await call("POST", "/api/orders", { items, deliveryAddress });
      expect(status).toBe(422);
      expect(body).toMatchObject({ code: "UNKNOWN_PRODUCT", errors: [{ path: "items.1.productId" }] });
    }
    expect(await service.takeSent()).toEqual([]);
  });

  test("an older announcement of a product never replaces a newer one", async () => {
    const id = uuidV7();
    await service.receive(product(id, { version: 3, price: 300 }), product(id, { version: 2, price: 200 }));
    const { body } = await call("POST", "/api/orders", { items: [{ productId: id, quantity: 1 }], deliveryAddress });
    expect(body.total).toBe(300);
    await service.takeSent();
  });
});

describe("an expected total", () => {
  const twoTeas = { items: [{ productId: tea, quantity: 2 }], deliveryAddress };

  test("that the order has places it; another one is 409 with both totals and the prices, and places nothing", async () => {
    await service.takeSent();
    const answers = await Promise.all(
      // One that is refused fails none of those that share its transaction.
      [9_000, 8_999, undefined, 0, 9_001, 9_000].map((expectedTotal) =>
        call("POST", "/api/orders", { ...twoTeas, expectedTotal }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 409, 201, 409, 409, 201]);
    expect(answers[1]?.body).toMatchObject({
      code: "PRICE_CHANGED",
      expectedTotal: 8_999,
      total: 9_000,
      currency: "KRW",
      items: [{ productId: tea, name: "Tea", unitPrice: 4_500, quantity: 2 }],
    });
    expect(await service.takeSent()).toHaveLength(3);
  });

  test("is a whole number that a total can be", async () => {
    for (const expectedTotal of [-1, 1.5, "9000", null, 50 * 1_000 * 1_000_000_000 + 1]) {
      const { status } = await call("POST", "/api/orders", { ...twoTeas, expectedTotal });
      expect([expectedTotal, status]).toEqual([expectedTotal, 422]);
    }
    const most = await call("POST", "/api/orders", { ...twoTeas, expectedTotal: 50 * 1_000 * 1_000_000_000 });
    expect(most.status).toBe(409);
  });

  test("is compared by an idempotency key, which a refusal does not keep", async () => {
    const key = { "idempotency-key": uuidV7() };
    expect((await call("POST", "/api/orders", { ...twoTeas, expectedTotal: 1 }, key)).status).toBe(409);
    const first = await call("POST", "/api/orders", { ...twoTeas, expectedTotal: 9_000 }, key);
    expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([201, null]);
    for (const other of [{}, { expectedTotal: 1 }]) {
      const { status, body } = await call("POST", "/api/orders", { ...twoTeas, ...other }, key);
      expect([status, body.code]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
    }
    const again = await call("POST", "/api/orders", { ...twoTeas, expectedTotal: 9_000 }, key);
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
  });

  test("that is not given leaves a body what it was to the last release, whose keys go on", async () => {
    const key = uuidV7();
    expect((await call("POST", "/api/orders", twoTeas, { "idempotency-key": key })).status).toBe(201);
    const asBefore = new Bun.CryptoHasher("sha256").update(JSON.stringify([[[tea, 2]], deliveryAddress])).digest("hex");
    const [kept] = await service.context.db.execute<{ body_hash: string }>(
      sql`select body_hash from idempotency_key where key = ${key}`,
    );
    expect(kept?.body_hash).toBe(asBefore);
  });

  test("holds however the price changes meanwhile: no order is stored with another total than was expected", async () => {
    const gift = uuidV7();
    const at = (price: number, version: number) => product(gift, { name: "Gift", price, version });
    await service.receive(at(100, 1));
    const items = [{ productId: gift, quantity: 1 }];
    const expectBoth = () =>
      Promise.all(
        [100, 200].map((expectedTotal) => call("POST", "/api/orders", { items, deliveryAddress, expectedTotal })),
      );
    const answers: Awaited<ReturnType<typeof call>>[] = [];
    for (let version = 2; version <= 20; version += 1) {
      const change = service.receive(at(version % 2 ? 100 : 200, version));
      answers.push(...(await expectBoth()));
      await change;
    }
    const [whenCheap, whenDear] = await expectBoth();
    expect([whenCheap?.status, whenDear?.status]).toEqual([409, 201]);
    answers.push(...[whenCheap, whenDear].filter((answer) => answer !== undefined));
    const rows = await service.context.db.execute<{ total: string; unit: string }>(sql`
      select total, items -> 0 ->> 'unitPrice' as unit from orders where items -> 0 ->> 'productId' = ${gift}`);
    expect(rows).toHaveLength(answers.filter(({ status }) => status === 201).length);
    expect(rows.filter(({ total, unit }) => Number(total) !== Number(unit))).toEqual([]);
    for (const [index, { status, body }] of answers.entries()) {
      const expected = index % 2 === 0 ? 100 : 200;
      expect([status, body.total]).toEqual(status === 201 ? [201, expected] : [409, expected === 100 ? 200 : 100]);
    }
  });
});

describe("an idempotency key", () => {
  const body = { items: [{ productId: tea, quantity: 1 }], deliveryAddress };

  test("gives the first answer again for the same body, even when the order has gone on", async () => {
    const key = { "idempotency-key": uuidV7() };
    const first = await call("POST", "/api/orders", body, key);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    await call("POST", `/api/orders/${first.body.id}/cancel`);
    const again = await call("POST", "/api/orders", { deliveryAddress, items: body.items }, key);
    expect(again.status).toBe(201);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body).toEqual(first.body);
    await service.takeSent();
  });

  test("of fifty twins at two replicas one places the order, the others get its answer", async () => {
    const key = { "idempotency-key": uuidV7() };
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        call("POST", "/api/orders", body, key, customer, index % 2 === 0 ? service : twin),
      ),
    );
    expect(new Set(answers.map(({ body: order }) => order.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === null)).toHaveLength(1);
    expect(await service.takeSent()).toHaveLength(1);
  });

  test("used for another body is refused, and another customer's key is another key", async () => {
    const key = { "idempotency-key": uuidV7() };
    const first = await call("POST", "/api/orders", body, key);
    const other = await call("POST", "/api/orders", { ...body, deliveryAddress: "elsewhere" }, key);
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED", errors: [{ path: "idempotency-key" }] });
    const more = { ...body, items: [{ productId: tea, quantity: 2 }] };
    expect((await call("POST", "/api/orders", more, key)).body).toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
    const stranger = await call("POST", "/api/orders", body, key, uuidV7());
    expect(stranger.status).toBe(201);
    expect(stranger.body.id).not.toBe(first.body.id);
    await service.takeSent();
  });

  test("of a refused order is not kept", async () => {
    const key = { "idempotency-key": uuidV7() };
    const refused = await call("POST", "/api/orders", { ...body, items: [{ productId: uuidV7(), quantity: 1 }] }, key);
    expect(refused.status).toBe(422);
    expect((await call("POST", "/api/orders", body, key)).status).toBe(201);
    await service.takeSent();
  });

  test("is forgotten after 24 hours and not before", async () => {
    const key = { "idempotency-key": uuidV7() };
    const first = await call("POST", "/api/orders", body, key);
    await workAfter(24 * 3_600_000 - 1_000);
    expect((await call("POST", "/api/orders", body, key)).body.id).toBe(first.body.id);
    await workAfter(2_000);
    expect((await call("POST", "/api/orders", body, key)).body.id).not.toBe(first.body.id);
    await service.takeSent();
  });

  test("that breaks its rules is refused", async () => {
    for (const key of ["x".repeat(201), "with space", ""]) {
      expect((await call("POST", "/api/orders", body, { "idempotency-key": key })).status).toBe(422);
    }
  });
});

describe("reading orders", () => {
  test("a customer sees only their own; an admin sees all; pages neither repeat nor skip", async () => {
    const me = uuidV7();
    const mine: string[] = [];
    for (let index = 0; index < 5; index += 1) mine.unshift((await placed(me)).id);
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await call("GET", `/api/orders?limit=2${cursor}`, undefined, {}, me);
      seen.push(...body.items.map(({ id }) => id));
      cursor = body.nextCursor === null ? "" : `&cursor=${body.nextCursor}`;
      if (seen.length === 2) await placed(me);
    } while (cursor !== "");
    expect(seen).toEqual(mine);
    expect((await call("GET", `/api/orders/${mine[0]}`)).status).toBe(404);
    expect((await call("GET", `/api/orders/${mine[0]}`, undefined, {}, admin)).status).toBe(200);
    expect((await call("GET", "/api/orders?limit=1", undefined, {}, admin)).body.items[0]?.customerId).toBe(me);
  });
});

test("an export is in the audit trail without the words that were looked for, which may be an address", async () => {
  const headers = { ...(await service.as("admin", admin)), accept: "text/csv" };
  const response = await service.app.request("/api/orders?q=Sejong-daero&status=PENDING", { headers });
  expect(response.headers.get("content-type")).toStartWith("text/csv");
  const trail = await service.app.request("/api/audit?action=LIST_EXPORTED", {
    headers: await service.as("admin", admin),
  });
  const text = await trail.text();
  expect(text).toContain('"filter":{"q":"…","status":"PENDING"}');
  expect(text).not.toContain("Sejong");
});

describe("what a customer may hold at once", () => {
  const request = (customerId: string, quantity = 1, idempotencyKey?: string): OrderRequest => ({
    ...{
      customerId,
      deliveryAddress,
      idempotencyKey,
      expectedTotal: undefined,
      traceparent: childTraceparent(undefined),
    },
    items: [{ productId: tea, quantity }],
  });
  const codesOf = (results: readonly Placed[]) =>
    results.map((result) => (result.kind === "refused" ? result.code : result.kind));

  test("is never more than the limit, however many orders come at once to two replicas", async () => {
    const limits = { openOrders: 5 };
    const places = [service, twin].map(({ context }) => placeOrders(context, limits));
    const [greedy, modest] = [uuidV7(), uuidV7()];
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, index) => places[index % 2]?.(request(index % 10 === 0 ? modest : greedy))),
    );
    const codes = codesOf(all.filter((result) => result !== undefined));
    expect(codes.filter((code) => code === "placed")).toHaveLength(10);
    expect(new Set(codes)).toEqual(new Set(["placed", "TOO_MANY_OPEN_ORDERS"]));
    const rows = await service.context.db.execute(sql`
      select customer_id as id, count(*)::int as count from orders where customer_id in (${greedy}, ${modest}) group by 1`);
    expect(rows).toHaveLength(2);
    for (const { count } of rows) expect(count).toBe(5);
    await service.takeSent();
  });

  test("counts units of open orders, and an order that ends makes room", async () => {
    const place = placeOrders(service.context, { units: 10 });
    const customerId = uuidV7();
    const first = await place(request(customerId, 7));
    expect(codesOf([first, await place(request(customerId, 4)), await place(request(customerId, 3))])).toEqual([
      "placed",
      "TOO_MANY_OPEN_ORDERS",
      "placed",
    ]);
    const orderId = first.kind === "placed" ? first.order.id : "";
    await service.receive(outgoing(CompleteOrderCommand, orderId, { orderId }, undefined));
    expect(codesOf([await place(request(customerId, 7)), await place(request(customerId, 1))])).toEqual([
      "placed",
      "TOO_MANY_OPEN_ORDERS",
    ]);
    await service.takeSent();
  });

  test("is not exceeded by an order that is sent again with its key: it is the order that was placed", async () => {
    const place = placeOrders(service.context, { openOrders: 1 });
    const [customerId, key] = [uuidV7(), uuidV7()];
    // As many transactions as are under way at once: the twins come together in the next one.
    const ahead = [place(request(uuidV7())), place(request(uuidV7()))];
    const twins = await Promise.all([1, 2, 3].map(() => place(request(customerId, 1, key))));
    await Promise.all(ahead);
    const again = await place(request(customerId, 1, key));
    expect(codesOf([...twins, again]).toSorted()).toEqual(["placed", "replayed", "replayed", "replayed"]);
    expect(codesOf([await place(request(customerId))])).toEqual(["TOO_MANY_OPEN_ORDERS"]);
    await service.takeSent();
  });

  test("is told as 429 with when to come again", async () => {
    const limited = await participantUnderTest(createOrderService({ allowed: [] }, { openOrders: 1 }), database.url);
    try {
      const body = { items: [{ productId: tea, quantity: 1 }], deliveryAddress };
      const customerId = uuidV7();
      expect((await call("POST", "/api/orders", body, {}, customerId, limited)).status).toBe(201);
      const refused = await call("POST", "/api/orders", body, {}, customerId, limited);
      expect([refused.status, refused.body.code, refused.headers.get("retry-after")]).toEqual([
        ...[429, "TOO_MANY_OPEN_ORDERS", "60"],
      ]);
    } finally {
      await limited.close();
      await service.takeSent();
    }
  });
});

describe("cancelling", () => {
  test("is taken once and published once, and asked again it is taken again", async () => {
    const order = await placed();
    const first = await call("POST", `/api/orders/${order.id}/cancel`);
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({ status: "PENDING", progress: "CANCELLING" });
    expect((await call("POST", `/api/orders/${order.id}/cancel`)).status).toBe(202);
    const messages = await service.takeSent();
    expect(messages.map(({ type }) => type)).toEqual([OrderCancelRequested.type]);
    expect(messages[0]?.data).toMatchObject({ reason: "CANCELLED_BY_CUSTOMER" });
  });

  test("is in the audit trail once, with who asked and from where", async () => {
    const order = await placed();
    const path = `/api/orders/${order.id}/cancel`;
    await call("POST", path, undefined, {}, uuidV7());
    await call("POST", path, undefined, { "x-client-address": "2001:db8::7" }, admin);
    await call("POST", path);
    expect(await service.entriesAbout(order.id)).toMatchObject([
      {
        ...{ action: "ORDER_CANCEL_REQUESTED", actor: { id: admin, role: "admin" }, clientAddress: "2001:db8::7" },
        ...{ subject: { type: "order", id: order.id }, before: { status: "PENDING" } },
        after: { cancelRequestReason: "CANCELLED_BY_ADMIN", progress: "CANCELLING" },
      },
    ]);
    await service.takeSent();
  });

  test("an order that has ended is refused, another customer's is unknown, and an admin's request says so", async () => {
    const order = await placed();
    expect((await call("POST", `/api/orders/${order.id}/cancel`, undefined, {}, uuidV7())).status).toBe(404);
    await call("POST", `/api/orders/${order.id}/cancel`, undefined, {}, admin);
    expect((await service.takeSent())[0]?.data).toMatchObject({ reason: "CANCELLED_BY_ADMIN" });
    await service.receive(
      outgoing(CancelOrderCommand, order.id, { orderId: order.id, reason: "CANCELLED_BY_ADMIN" }, undefined),
    );
    const { status, body } = await call("POST", `/api/orders/${order.id}/cancel`);
    expect([status, body.code]).toEqual([409, "ORDER_ENDED"]);
    await service.takeSent();
  });
});

test("a cancel that comes while the order is being completed is refused, and the order stays as it has ended", async () => {
  const { id } = await placed();
  const { db } = service.context;
  const [completed, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const completing = inTransaction(db, async (tx) => {
    await endOrders(tx, "COMPLETE", [{ orderId: id, reason: null }], new Date());
    completed.resolve();
    await mayCommit.promise;
  });
  await completed.promise;
  const cancelling = call("POST", `/api/orders/${id}/cancel`);
  await eventually(async () => {
    const waiting = await db.execute(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    expect(waiting).toHaveLength(1);
  });
  mayCommit.resolve();
  await completing;
  const { status, body } = await cancelling;
  expect([status, body.code]).toEqual([409, "ORDER_ENDED"]);
  expect(await read(id)).toMatchObject({ status: "COMPLETE", progress: "COMPLETE" });
  expect(await service.takeSent()).toEqual([]);
});

describe("the saga's commands", () => {
  test("complete or cancel an order once; asked again, the same answer is given again", async () => {
    const [one, other] = [await placed(), await placed()];
    for (let time = 0; time < 2; time += 1) {
      await service.receive(
        outgoing(CompleteOrderCommand, one.id, { orderId: one.id }, undefined),
        outgoing(CancelOrderCommand, other.id, { orderId: other.id, reason: "OUT_OF_STOCK" }, undefined),
      );
      expect(await service.takeSent()).toEqual([
        sent(OrderCompleted, one.id, { orderId: one.id }),
        sent(OrderCancelled, other.id, { orderId: other.id, reason: "OUT_OF_STOCK" }),
      ]);
    }
    expect(await read(one.id)).toMatchObject({ status: "COMPLETE", progress: "COMPLETE" });
    await service.receive(
      outgoing(CancelOrderCommand, other.id, { orderId: other.id, reason: "TIMED_OUT" }, undefined),
    );
    expect(await service.takeSent()).toEqual([
      sent(OrderCancelled, other.id, { orderId: other.id, reason: "OUT_OF_STOCK" }),
    ]);
    expect(await read(other.id)).toMatchObject({ status: "CANCELLED", cancelReason: "OUT_OF_STOCK" });
  });

  test("a command against an order's end, or for no order, is a dead letter and changes nothing", async () => {
    const order = await placed();
    await service.receive(outgoing(CompleteOrderCommand, order.id, { orderId: order.id }, undefined));
    const nobody = uuidV7();
    await service.receive(
      outgoing(CancelOrderCommand, order.id, { orderId: order.id, reason: "TIMED_OUT" }, undefined),
      outgoing(CompleteOrderCommand, nobody, { orderId: nobody }, undefined),
    );
    expect((await read(order.id)).status).toBe("COMPLETE");
    const deadLetters = await service.context.db.execute<{ key: string }>(
      sql`select key from dead_letter where cause = 'REFUSED'`,
    );
    expect(deadLetters.map(({ key }) => key).toSorted()).toEqual([order.id, nobody].toSorted());
    await service.takeSent();
  });

  test("the very same record a hundred times changes nothing after the first", async () => {
    const order = await placed();
    const record = recordOf(outgoing(CompleteOrderCommand, order.id, { orderId: order.id }, undefined), service.clock);
    await service.receiveRecords(Array.from({ length: 100 }, () => record));
    expect(await service.takeSent()).toHaveLength(1);
  });
});

test("an audit report has the status of the orders asked for, and of no others", async () => {
  const [pending, taken] = [await placed(), await placed()];
  const reason = "TIMED_OUT";
  await service.receive(outgoing(CancelOrderCommand, taken.id, { orderId: taken.id, reason }, undefined));
  await service.takeSent();
  const auditId = uuidV7();
  const question = { auditId, orderIds: [pending.id, taken.id, uuidV7()] };
  await service.receive(outgoing(ReportOrdersCommand, auditId, question, undefined));
  const [answer] = await service.takeSent();
  const { orders } = OrdersReported.data.parse(answer?.data);
  expect(answer).toEqual(sent(OrdersReported, auditId, { auditId, orders }));
  expect(orders).toHaveLength(2);
  expect(orders).toContainEqual({ orderId: pending.id, status: "PENDING", cancelReason: null });
  expect(orders).toContainEqual({ orderId: taken.id, status: "CANCELLED", cancelReason: reason });
});

test("replicas that handle commands and progress events of the same orders in crossed order never deadlock", async () => {
  const deadlocks = async () => {
    const rows = await service.context.db.execute<{ n: string }>(
      sql`select deadlocks as n from pg_stat_database where datname = current_database()`,
    );
    return Number(rows[0]?.n);
  };
  const complete = ({ id: orderId }: Order) => outgoing(CompleteOrderCommand, orderId, { orderId }, undefined);
  const delivered = ({ id: orderId }: Order) =>
    outgoing(DeliveryCreated, orderId, { orderId, deliveryId: uuidV7() }, undefined);
  const before = await deadlocks();
  for (let round = 0; round < 10; round += 1) {
    const orders = await Promise.all(Array.from({ length: 20 }, () => placed()));
    const [some, others] = [orders.slice(0, 10), orders.slice(10)];
    const both = Promise.all([
      service.receive(...others.map(complete), ...some.map(delivered)),
      twin.receive(...some.map(complete), ...others.map(delivered)),
    ]);
    expect(await settled(both)).toHaveLength(2);
  }
  await service.takeSent();
  expect(await deadlocks()).toBe(before);
});

test("progress follows the events in whatever order they come, and never goes backwards", async () => {
  const { id: orderId } = await placed();
  const deliveryId = uuidV7();
  await service.receive(outgoing(DeliveryCreated, orderId, { orderId, deliveryId }, undefined));
  expect((await read(orderId)).progress).toBe("WAITING_FOR_RIDER");
  await service.receive(outgoing(ProductDecreased, orderId, { orderId, result: "SUCCESS" }, undefined));
  expect((await read(orderId)).progress).toBe("WAITING_FOR_RIDER");
  const completed = { orderId, deliveryId, riderId: uuidV7(), completedAt: new Date().toISOString() };
  await service.receive(outgoing(DeliveryCompleted, orderId, completed, undefined));
  expect((await read(orderId)).progress).toBe("DELIVERED");
});

test("a milestone that only a newer release knows is shown, and does not hold up the next one", async () => {
  const { id: orderId } = await placed();
  const packed = JSON.stringify([{ type: "PACKED", at: new Date().toISOString() }]);
  await service.context.db.execute(
    sql`update orders set progress = 'PACKED', changes = changes || ${packed}::jsonb where id = ${orderId}`,
  );
  // Its own schema does not know it either.
  const shown = await call("GET", `/api/orders/${orderId}`);
  expect(shown.body).toMatchObject({ status: "PENDING", progress: "PACKED", waiting: null });
  await service.receive(outgoing(DeliveryCreated, orderId, { orderId, deliveryId: uuidV7() }, undefined));
  expect((await read(orderId)).progress).toBe("WAITING_FOR_RIDER");
});
