import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import { errorPaths, type Received, send, tokenOf } from "../support/requests.ts";
import { newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

/** What an order may be, what an idempotency key promises, how lists go on, and who wins a race: by the contract's tables. */
const PRICE = 1_000;
const ADDRESS = "1 Sejong-daero, Seoul";
const emoji = (count: number) => "😀".repeat(count);

let shop: TestSystem;
let url: string;
let customer: string;
let rider: string;
let rider2: string;
let admin: string;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  url = shop.system.frontendUrl;
  [customer = "", rider = "", rider2 = "", admin = ""] = await Promise.all(
    ["customer", "rider", "rider2", "admin"].map((name) => tokenOf(url, name)),
  );
  productId = await newProduct(shop, 100_000, PRICE);
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

const orderOf = (quantity: unknown = 1, deliveryAddress: unknown = ADDRESS) => ({
  items: [{ productId, quantity }],
  deliveryAddress,
});
const post = (json: unknown, headers: Record<string, string> = {}, token = customer) =>
  send(url, { method: "POST", path: "/api/orders", token, headers, json });
const withKey = (key: string, json: unknown = orderOf(), token = customer) =>
  post(json, { "idempotency-key": key }, token);
const get = (path: string, token = customer) => send(url, { method: "GET", path, token });
const sorted = (answers: readonly Received[]) => answers.map(({ status }) => status).toSorted((a, b) => a - b);
const items = ({ body }: Received) => body["items"] as readonly { readonly id: string }[];

async function newCustomer(): Promise<string> {
  const username = `guest-${crypto.randomUUID().slice(0, 20)}`;
  const password = "a sentence nobody guesses";
  expect((await send(url, { method: "POST", path: "/api/users", json: { username, password } })).status).toBe(201);
  return tokenOf(url, username, password);
}

async function waitingDelivery(
  headers: Record<string, string> = {},
): Promise<{ readonly orderId: string; readonly path: string }> {
  const orderId = String((await post(orderOf(), headers)).body["id"]);
  const delivery = await eventually(async () => {
    const [found] = items(await get(`/api/deliveries?orderId=${orderId}`));
    if (found === undefined) throw new Error("no delivery yet");
    return found;
  });
  return { orderId, path: `/api/deliveries/${delivery.id}` };
}

async function endOf(orderId: string): Promise<Received["body"]> {
  return eventually(async () => {
    const { body } = await get(`/api/orders/${orderId}`);
    if (body["status"] === "PENDING") throw new Error(`order ${orderId} is ${String(body["progress"])}`);
    return body;
  });
}

const quantities: readonly (readonly [literal: string, status: number])[] = [
  ["1", 201],
  ["1000", 201],
  ["1e3", 201],
  ["1.0", 201],
  ["0", 422],
  ["-0", 422],
  ["1001", 422],
  ["-1", 422],
  ["1.5", 422],
  ["1e400", 422],
  ["9007199254740993", 422],
  ['"1"', 422],
  ["null", 422],
  ["true", 422],
];
const addresses: readonly (readonly [rule: string, address: unknown, status: number])[] = [
  ["500 code points", emoji(500), 201],
  ["501 code points", emoji(501), 422],
  ["spaces around are kept", " a ", 201],
  ["empty", "", 422],
  ["blank", " \u00a0\u3000", 422],
  ["a tab", "a\tb", 422],
  ["a line break", "a\nb", 422],
  ["DEL", "a\u007f", 422],
  ["C1", "a\u0085", 422],
  ["a number", 1, 422],
  ["null", null, 422],
];

describe("an order", () => {
  test.each(quantities)("of the quantity %s is %d", async (literal, expected) => {
    const body = `{"items":[{"productId":"${productId}","quantity":${literal}}],"deliveryAddress":"a"}`;
    const received = await send(url, { method: "POST", path: "/api/orders", token: customer, body });
    expect(received.status).toBe(expected);
    if (expected === 422) expect([...new Set(errorPaths(received.body))]).toEqual(["items.0.quantity"]);
  });

  test.each(addresses)("to an address: %s", async (_rule, address, expected) => {
    const { status, body } = await post(orderOf(1, address));
    expect(status).toBe(expected);
    if (expected === 201) expect(body["deliveryAddress"]).toBe(String(address));
    else expect(errorPaths(body)).toEqual(["deliveryAddress"]);
  });

  test("of no items, of 51, of one product twice, or of an unknown one is 422", async () => {
    const item = { productId, quantity: 1 };
    const unknown = (count: number) =>
      Array.from({ length: count }, () => ({ ...item, productId: Bun.randomUUIDv7() }));
    const twice = [item, { ...item, productId: productId.toUpperCase() }];
    for (const list of [[], unknown(51), twice, [item, ...unknown(1)], [{ ...item, price: 1 }], {}, undefined]) {
      expect((await post({ items: list, deliveryAddress: "a" })).status).toBe(422);
    }
    expect(errorPaths((await post({ items: [item, ...unknown(1)], deliveryAddress: "a" })).body)).toEqual([
      "items.1.productId",
    ]);
  });

  test("as large as may be has an exact total", async () => {
    const dearest = { price: 1_000_000_000, currency: "KRW", stock: 1_000 };
    const products = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const json = { name: `Dear ${index}`, ...dearest };
        return send(url, { method: "POST", path: "/api/products", token: admin, json });
      }),
    );
    const list = products.map(({ body }) => ({ productId: body["id"], quantity: 1_000 }));
    const placed = await eventually(async () => {
      const received = await post({ items: list, deliveryAddress: emoji(500) });
      if (received.status !== 201) throw new Error(`answered with ${received.status}`);
      return received;
    });
    expect(placed.text).toContain('"total":50000000000000,');
    expect(placed.headers.get("location")).toBe(`/api/orders/${String(placed.body["id"])}`);
  });

  test("is its customer's and the admin's: 404 for another customer, 403 for a rider", async () => {
    const path = `/api/orders/${String((await post(orderOf())).body["id"])}`;
    const stranger = await newCustomer();
    const statuses = [customer, admin, stranger, rider].map(async (token) => (await get(path, token)).status);
    expect(await Promise.all(statuses)).toEqual([200, 200, 404, 403]);
    const { status } = await send(url, { method: "POST", path: `${path}/cancel`, token: stranger });
    expect(status).toBe(404);
  });
});

describe("an idempotency key", () => {
  test("is 1 to 200 visible ASCII characters, else 422", async () => {
    for (const key of ["", "a b", "a\tb", "é", "a".repeat(201)]) {
      const { status, body } = await withKey(key);
      expect([key, status, errorPaths(body)]).toEqual([key, 422, ["idempotency-key"]]);
    }
    expect((await withKey(`~!"{}${"a".repeat(195)}`)).status).toBe(201);
  });

  test("gives the first answer again for the same JSON, however it is written and whatever became of the order", async () => {
    const key = crypto.randomUUID();
    const first = await withKey(key);
    const path = `/api/orders/${String(first.body["id"])}`;
    expect((await send(url, { method: "POST", path: `${path}/cancel`, token: customer })).status).toBe(202);
    await endOf(String(first.body["id"]));
    const body = `{ "deliveryAddress":"\\u0031${ADDRESS.slice(1)}",\n"items":[{"quantity":1.0,"productId":"${productId}"}]}`;
    const headers = { "idempotency-key": key };
    const again = await send(url, { method: "POST", path: "/api/orders", token: customer, headers, body });
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get("location")).toBe(path);
    expect([first, again].map((each) => each.headers.get("idempotency-replayed"))).toEqual([null, "true"]);
  });

  test("with another body is 422, belongs to its customer, and keeps no error", async () => {
    const key = crypto.randomUUID();
    expect((await withKey(key, orderOf(0))).status).toBe(422);
    const { body: first } = await withKey(key);
    const other = await withKey(key, orderOf(2));
    expect([other.status, other.body["code"], errorPaths(other.body)]).toEqual([
      422,
      "IDEMPOTENCY_KEY_REUSED",
      ["idempotency-key"],
    ]);
    const stranger = await withKey(key, orderOf(2), await newCustomer());
    expect([stranger.status, stranger.body["id"] === first["id"]]).toEqual([201, false]);
  });

  test("used by twelve at once, some with another body, is one order", async () => {
    for (let round = 0; round < 5; round += 1) {
      const token = await newCustomer();
      const key = crypto.randomUUID();
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => withKey(key, orderOf(1 + (index % 3)), token)),
      );
      const taken = answers.filter(({ status }) => status === 201);
      expect(sorted(answers)).toEqual([
        ...Array.from({ length: 4 }, () => 201),
        ...Array.from({ length: 8 }, () => 422),
      ]);
      expect(new Set(taken.map(({ text }) => text)).size).toBe(1);
      expect(items(await get("/api/orders", token))).toHaveLength(1);
    }
  });
});

test("a list goes on where it was, newest first, while orders come in", async () => {
  const token = await newCustomer();
  const placed: string[] = [];
  for (let index = 0; index < 15; index += 1) placed.unshift(String((await post(orderOf(), {}, token)).body["id"]));
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const page: Received = await get(`/api/orders?limit=4${cursor === "" ? "" : `&cursor=${cursor}`}`, token);
    seen.push(...items(page).map(({ id }) => id));
    await post(orderOf(), {}, token);
    cursor = page.body["nextCursor"] as string | null;
  }
  expect(seen).toEqual(placed);
});

describe("a race", () => {
  const put = (token: string, path: string, json?: unknown) => send(url, { method: "PUT", path, token, json });

  test("of two riders for a delivery has one winner, who alone can end it, and only in one way", async () => {
    for (let round = 0; round < 8; round += 1) {
      const { orderId, path } = await waitingDelivery();
      const claims = await Promise.all([rider, rider2].map((token) => put(token, `${path}/claim`)));
      expect(sorted(claims)).toEqual([200, 409]);
      const [winner, loser] = claims[0]?.status === 200 ? [rider, rider2] : [rider2, rider];
      expect((await put(loser, `${path}/complete`)).status).toBe(409);
      const reason = { reason: "nobody at home" };
      const [complete, again, fail] = await Promise.all([
        put(winner, `${path}/complete`),
        put(winner, `${path}/complete`),
        put(winner, `${path}/fail`, reason),
      ]);
      expect([complete.status, again.status, fail.status]).toEqual(
        complete.status === 200 ? [200, 200, 409] : [409, 409, 200],
      );
      expect(again.body["status"]).toBe(complete.body["status"]);
      expect((await endOf(orderId))["status"]).toBe(complete.status === 200 ? "COMPLETE" : "CANCELLED");
    }
  });

  test("of a customer's cancel and a rider's complete ends as the rider was told", async () => {
    const round = async (index: number) => {
      const { orderId, path } = await waitingDelivery();
      const cancel = send(url, { method: "POST", path: `/api/orders/${orderId}/cancel`, token: customer });
      await Bun.sleep(index * 4);
      const [cancelled, completed] = await Promise.all([cancel, put(rider, `${path}/complete`)]);
      const order = await endOf(orderId);
      expect([202, 409]).toContain(cancelled.status);
      expect([completed.status, order["status"]]).toEqual(
        order["status"] === "COMPLETE" ? [200, "COMPLETE"] : [409, "CANCELLED"],
      );
      expect((await get(path, admin)).body["status"]).toBe(order["status"]);
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => round(index)));
    await shop.booksBalance();
  });
});

describe("a trace that a caller begins", () => {
  const traces = ["a", "b", "c"].map((digit) => digit.repeat(32));
  const [first = "", second = "", third = ""] = traces;
  const within = (trace: string) => ({ traceparent: `00-${trace}-b7ad6b7169203331-01` });

  /** What the services have sent about a key, each kind of message once as it was sent first, with its trace. */
  async function sentAbout(key: string): Promise<Readonly<Record<string, string>>> {
    const sent: Record<string, string> = {};
    for (const service of ["order", "orchestrator", "product", "delivery"]) {
      const sql = postgres(shop.system.databaseUrls.get(service) ?? "", { max: 1 });
      const rows = await sql<{ type: string; trace: string }[]>`
        select distinct on (payload ->> 'type') payload ->> 'type' as type, substr(payload ->> 'traceparent', 4, 32) as trace
        from outbox where key = ${key} order by payload ->> 'type', id`;
      await sql.end();
      for (const { type, trace } of rows) sent[type.split(".").at(-1) ?? type] = trace;
    }
    return sent;
  }

  const ordered = {
    ...{ OrderCreated: first, DecreaseProductCommand: first, ProductDecreased: first },
    ...{ CreateDeliveryCommand: first, DeliveryCreated: first },
  };
  const compensated = {
    ...{ IncreaseProductCommand: second, ProductIncreased: second },
    ...{ CancelOrderCommand: second, OrderCancelled: second },
  };

  test("goes on in every message that follows from it, through all services, until an order is complete", async () => {
    const { orderId, path } = await waitingDelivery(within(first));
    await send(url, { method: "PUT", path: `${path}/complete`, token: rider, headers: within(second) });
    await endOf(orderId);
    await eventually(async () =>
      expect(await sentAbout(orderId)).toEqual({
        ...ordered,
        ...{ DeliveryCompleted: second, CompleteOrderCommand: second, OrderCompleted: second },
      }),
    );
  });

  test("goes on in the same way when an order is cancelled, whoever wants that", async () => {
    const [cancelled, stopped, failed] = await Promise.all([1, 2, 3].map(() => waitingDelivery(within(first))));
    const headers = within(second);
    await send(url, { method: "POST", path: `/api/orders/${cancelled?.orderId}/cancel`, token: customer, headers });
    const [saga] = items(await get(`/api/sagas?orderId=${stopped?.orderId}`, admin));
    await send(url, { method: "POST", path: `/api/sagas/${saga?.id}/cancel`, token: admin, headers });
    await send(url, { method: "PUT", path: `${failed?.path}/claim`, token: rider, headers: within(third) });
    const json = { reason: "nobody at home" };
    await send(url, { method: "PUT", path: `${failed?.path}/fail`, token: rider, headers, json });
    for (const order of [cancelled, stopped, failed]) await endOf(order?.orderId ?? "");
    const undelivered = { ...ordered, ...compensated, CancelDeliveryCommand: second, DeliveryCancelled: second };
    await eventually(async () => {
      expect(await sentAbout(cancelled?.orderId ?? "")).toEqual({ ...undelivered, OrderCancelRequested: second });
      expect(await sentAbout(stopped?.orderId ?? "")).toEqual(undelivered);
      expect(await sentAbout(failed?.orderId ?? "")).toEqual({ ...ordered, ...compensated, DeliveryFailed: second });
    });
  });

  test("is that of what is said of a product, too", async () => {
    const json = { name: "Tea", price: 1, currency: "KRW" };
    const created = await send(url, {
      ...{ method: "POST", path: "/api/products", token: admin, headers: within(first), json },
    });
    const path = `/api/products/${String(created.body["id"])}`;
    await send(url, { method: "PATCH", path, token: admin, headers: within(second), json: { price: 2 } });
    await send(url, { method: "DELETE", path, token: admin, headers: within(third) });
    const sql = postgres(shop.system.databaseUrls.get("product") ?? "", { max: 1 });
    const rows = await sql<{ trace: string }[]>`
      select substr(payload ->> 'traceparent', 4, 32) as trace from outbox where key = ${String(created.body["id"])} order by id`;
    await sql.end();
    expect(rows.map(({ trace }) => trace)).toEqual(traces);
  });
});
