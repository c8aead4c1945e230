import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { listAuditEntries } from "@shop/contracts/http/audit";
import type { Role } from "@shop/contracts/http/define";
import { Product } from "@shop/contracts/http/product";
import { AnnounceProductsCommand, ProductsAnnounced, ProductChanged } from "@shop/contracts/messages/product";
import { MAX_PRICE, MAX_STOCK } from "@shop/contracts/primitives";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { type ParticipantUnderTest, participantUnderTest, sent } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { sql } from "drizzle-orm";
import { productService } from "./service.ts";
import { demoProducts } from "./use-cases/demo-products.ts";
import { seedDemoProducts } from "./use-cases/seed-demo-products.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const admin = uuidV7();
const tea = { name: "Tea", description: "Green", price: 4_500, currency: "KRW", stock: 7 } as const;

/** As much of the answers' bodies as these tests look into without parsing them. */
interface Body {
  readonly code: string;
  readonly stock: number;
  readonly version: number;
  readonly items: readonly Product[];
  readonly nextCursor: string | null;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  role: Role | "nobody" = "admin",
  headers: Record<string, string> = {},
  via = service,
) {
  const response = await via.app.request(path, {
    method,
    headers: {
      ...headers,
      ...(role === "nobody" ? {} : await via.as(role, admin)),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === "" ? {} : JSON.parse(text)) as Body };
}

async function created(changes: object = {}): Promise<Product> {
  const { status, body } = await call("POST", "/api/products", { ...tea, ...changes });
  expect(status).toBe(201);
  return Product.parse(body);
}
const changed = ({ id, name, price, currency, version }: Product, withdrawn = false) =>
  sent(ProductChanged, id, { productId: id, name, price, currency, withdrawn, version });

beforeAll(async () => {
  database = await createTestDatabase({ service: "product" });
  service = await participantUnderTest(productService, database.url);
  twin = await participantUnderTest(productService, database.url);
}, 120_000);
beforeEach(async () => {
  await service.takeSent();
});
afterAll(async () => {
  await service.close();
  await twin.close();
  await database.drop();
});

test("what an admin does to a product is in the audit trail with who, from where, before and after; what comes to nothing is not", async () => {
  const from = { "x-client-address": "203.0.113.7", "x-request-id": "request-of-the-admin" };
  const { id } = await created();
  const path = `/api/products/${id}`;
  await call("PATCH", path, { price: 9_000 }, "admin", from);
  await call("PATCH", path, { price: 9_000 }, "admin", from);
  await call("POST", `${path}/stock`, { delta: 5 }, "admin", { "x-client-address": "not an address" });
  await call("POST", `${path}/stock`, { delta: -1_000_000 });
  await call("DELETE", path, undefined, "admin", { "if-match": '"1"' });
  await call("DELETE", path);
  const entries = await service.entriesAbout(id);
  const { stock, price } = tea;
  const who = { service: "product", actor: { id: admin, role: "admin" }, subject: { type: "product", id } };
  expect(entries).toMatchObject([
    { ...who, action: "PRODUCT_CREATED", before: null, after: { price, stock } },
    {
      ...{ ...who, action: "PRODUCT_CHANGED", before: { price, version: 1 }, after: { price: 9_000, version: 2 } },
      ...{ clientAddress: "203.0.113.7", requestId: "request-of-the-admin" },
    },
    { ...who, action: "STOCK_CHANGED", before: { stock }, after: { stock: stock + 5, delta: 5 }, clientAddress: null },
    { ...who, action: "PRODUCT_WITHDRAWN", before: { version: 2 }, after: { version: 3 } },
  ]);
});

test("a list that an admin takes as a file is an entry of the audit trail once, and nothing is given when it cannot be written", async () => {
  await created();
  await created();
  const exports = async () => {
    const { body } = await call("GET", "/api/audit?action=LIST_EXPORTED");
    return listAuditEntries.success.schema.parse(body).items;
  };
  const headers = { ...(await service.as("admin", admin)), accept: "text/csv" };
  const take = (query: string) => service.app.request(`/api/audit${query}`, { headers });
  const before = (await exports()).length;
  const first = (await (await take("?limit=1&action=PRODUCT_CREATED")).json()) as Body;
  await take(`?limit=1&action=PRODUCT_CREATED&cursor=${first.nextCursor}`);
  const [entry, ...others] = await exports();
  expect(others).toHaveLength(before);
  expect(entry).toMatchObject({
    ...{ actor: { id: admin }, subject: { type: "list", id: null } },
    after: { path: "/api/audit", type: "text/csv", filter: { action: "PRODUCT_CREATED" } },
  });
  await service.context.db.execute(sql`alter table audit_entry add constraint none check (false) not valid`);
  try {
    expect((await take("")).status).toBe(500);
    const { id } = (await call("GET", "/api/products?limit=1")).body.items[0] ?? { id: "" };
    expect((await call("PATCH", `/api/products/${id}`, { price: 1 })).status).toBe(500);
    expect((await call("GET", `/api/products/${id}`)).body).toMatchObject({ price: tea.price, version: 1 });
  } finally {
    await service.context.db.execute(sql`alter table audit_entry drop constraint none`);
  }
});

describe("a product", () => {
  test("is put on sale by an admin, can be read by anyone, and is announced", async () => {
    const answer = await call("POST", "/api/products", tea);
    expect(answer.status).toBe(201);
    const product = Product.parse(answer.body);
    expect(product).toEqual({ id: product.id, ...tea, version: 1 });
    expect(answer.headers.get("location")).toBe(`/api/products/${product.id}`);
    expect((await call("GET", `/api/products/${product.id}`, undefined, "nobody")).body).toEqual(answer.body);
    expect((await call("GET", `/api/products/${product.id.toUpperCase()}`, undefined, "nobody")).status).toBe(200);
    expect(await service.takeSent()).toEqual([changed(product)]);
  });

  test("needs neither description nor stock, and may cost nothing or the most there is", async () => {
    const free = await call("POST", "/api/products", { name: "Leaflet", price: 0, currency: "KRW" });
    expect(free).toMatchObject({ status: 201, body: { description: "", stock: 0, price: 0 } });
    expect(await created({ price: MAX_PRICE, stock: MAX_STOCK })).toMatchObject({ price: MAX_PRICE, stock: MAX_STOCK });
  });

  test("that breaks the schema is 422 and leaves nothing behind", async () => {
    const wrongs = [
      { price: -1 },
      { price: MAX_PRICE + 1 },
      { price: 1.5 },
      { price: "1" },
      { stock: -1 },
      { stock: MAX_STOCK + 1 },
      { currency: "USD" },
      { name: " " },
      { name: "a\u0007" },
      { version: 1 },
    ];
    for (const wrong of wrongs) expect((await call("POST", "/api/products", { ...tea, ...wrong })).status).toBe(422);
    expect(await service.takeSent()).toEqual([]);
  });

  test("is changed by an admin with a new version that is announced; what changes nothing is not", async () => {
    const product = await created();
    await service.takeSent();
    const { status, body } = await call("PATCH", `/api/products/${product.id}`, { price: 5_000 });
    expect(status).toBe(200);
    expect(Product.parse(body)).toEqual({ ...product, price: 5_000, version: 2 });
    expect(await service.takeSent()).toEqual([changed({ ...product, price: 5_000, version: 2 })]);
    for (const same of [{}, { price: 5_000 }, { name: tea.name }]) {
      expect((await call("PATCH", `/api/products/${product.id}`, same)).body).toEqual(body);
    }
    expect(await service.takeSent()).toEqual([]);
    expect((await call("PATCH", `/api/products/${product.id}`, { stock: 1 })).status).toBe(422);
  });

  test("that is changed by many at once gets a version for each change, all of them announced in order", async () => {
    const product = await created();
    await service.takeSent();
    const prices = Array.from({ length: 12 }, (_, index) => 100 + index);
    const answers = await Promise.all(prices.map((price) => call("PATCH", `/api/products/${product.id}`, { price })));
    const versions = answers.map(({ body }) => body.version).toSorted((a, b) => a - b);
    expect(versions).toEqual(prices.map((_, index) => index + 2));
    const announced = (await service.takeSent()).map(({ data }) => ProductChanged.data.parse(data));
    expect(announced.map(({ version }) => version)).toEqual(versions);
    const last = Product.parse((await call("GET", `/api/products/${product.id}`)).body);
    expect(announced.at(-1)).toMatchObject({ price: last.price, version: last.version });
  });

  test("that is withdrawn is out of the list and 404 for everything, and is announced as withdrawn once", async () => {
    const product = await created();
    await service.takeSent();
    const path = `/api/products/${product.id}`;
    expect((await call("DELETE", path)).status).toBe(204);
    expect(await service.takeSent()).toEqual([changed({ ...product, version: 2 }, true)]);
    const answers = [
      await call("GET", path),
      await call("DELETE", path),
      await call("PATCH", path, { price: 1 }),
      await call("POST", `${path}/stock`, { delta: 1 }),
    ];
    for (const { status, body } of answers) expect([status, body.code]).toEqual([404, "NOT_FOUND"]);
    const list = await call("GET", "/api/products?limit=100");
    expect(list.body.items.map(({ id }) => id)).not.toContain(product.id);
    expect(await service.takeSent()).toEqual([]);
  });

  test("is nobody's to change but an admin's", async () => {
    const { id } = await created();
    for (const [method, path, body] of [
      ["POST", "/api/products", tea],
      ["PATCH", `/api/products/${id}`, { price: 1 }],
      ["DELETE", `/api/products/${id}`, undefined],
      ["POST", `/api/products/${id}/stock`, { delta: 1 }],
    ] as const) {
      expect((await call(method, path, body, "nobody")).status).toBe(401);
      for (const role of ["customer", "rider"] as const)
        expect((await call(method, path, body, role)).status).toBe(403);
    }
    expect((await call("GET", `/api/products/${id}`)).body).toMatchObject(tea);
  });
});

describe("the stock", () => {
  test("goes up and down by what an admin counts, never below 0 nor out of range", async () => {
    const { id } = await created({ stock: 5 });
    await service.takeSent();
    const stock = (delta: unknown) => call("POST", `/api/products/${id}/stock`, { delta });
    expect(await stock(3)).toMatchObject({ status: 200, body: { stock: 8, version: 1 } });
    expect(await stock(-8)).toMatchObject({ status: 200, body: { stock: 0 } });
    expect(await stock(0)).toMatchObject({ status: 200, body: { stock: 0 } });
    expect(await stock(-1)).toMatchObject({ status: 409, body: { code: "STOCK_OUT_OF_RANGE" } });
    expect(await stock(MAX_STOCK)).toMatchObject({ status: 200, body: { stock: MAX_STOCK } });
    expect(await stock(1)).toMatchObject({ status: 409, body: { code: "STOCK_OUT_OF_RANGE" } });
    for (const delta of [1.5, "1", null, MAX_STOCK + 1]) expect((await stock(delta)).status).toBe(422);
    expect(await service.takeSent()).toEqual([]);
  });

  test("of a product that is taken from by many at once is never below 0", async () => {
    const { id } = await created({ stock: 5 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call("POST", `/api/products/${id}/stock`, { delta: -1 })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(15);
    expect((await call("GET", `/api/products/${id}`)).body.stock).toBe(0);
  });
});

describe("the list", () => {
  test("is newest first, and its pages hold each product once while others are put on sale", async () => {
    const three = [await created(), await created(), await created()].map(({ id }) => id).toReversed();
    const first = await call("GET", "/api/products?limit=2", undefined, "nobody");
    expect(first.body.items.map(({ id }) => id)).toEqual(three.slice(0, 2));
    await created();
    const second = await call("GET", `/api/products?limit=1&cursor=${first.body.nextCursor}`, undefined, "nobody");
    expect(second.body.items.map(({ id }) => id)).toEqual(three.slice(2));
  });

  test("ends with a page that has no cursor, and refuses queries that it does not know", async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const { body }: { body: Body } = await call("GET", `/api/products?limit=3${cursor && `&cursor=${cursor}`}`);
      seen.push(...body.items.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual(seen.toSorted().toReversed());
    expect(new Set(seen).size).toBe(seen.length);
    for (const query of ["limit=0", "limit=101", "cursor=x", "color=red", "limit=1&limit=2"]) {
      expect((await call("GET", `/api/products?${query}`)).status).toBe(422);
    }
  });
});

describe("demo data", () => {
  test("comes from replicas that start together once, with one product down to its last piece and one sold out", async () => {
    await Promise.all([service, twin, service].map(({ context }) => seedDemoProducts(context)));
    await seedDemoProducts(twin.context);
    expect(await service.takeSent()).toHaveLength(10);
    const products = await Promise.all(demoProducts.map(({ id }) => call("GET", `/api/products/${id}`)));
    const stocks = products.map(({ body }) => Product.parse(body).stock).toSorted((a, b) => a - b);
    expect(stocks.slice(0, 3)).toEqual([0, 1, 300]);
  });

  test("that an admin has changed or withdrawn since stays so at the next start", async () => {
    await seedDemoProducts(service.context);
    const [kept = "", gone = ""] = demoProducts.slice(5, 7).map(({ id }) => `/api/products/${id}`);
    await call("PATCH", kept, { price: 1 });
    await call("DELETE", gone);
    await service.takeSent();
    await seedDemoProducts(service.context);
    expect(await service.takeSent()).toEqual([]);
    expect((await call("GET", kept)).body).toMatchObject({ price: 1 });
    expect((await call("GET", gone)).status).toBe(404);
  });
});

test("asked to, tells of every product how it stands, of withdrawn ones too, beyond what is read at once", async () => {
  const { db } = service.context;
  await db.execute(`
    insert into product (id, name, description, price, currency, stock, created_at)
    select gen_random_uuid(), 'Tea ' || n, '', n, 'KRW', 0, now() from generate_series(1, 1100) as n`);
  const product = await created();
  await call("DELETE", `/api/products/${product.id}`);
  await service.takeSent();
  const command = outgoing(AnnounceProductsCommand, "catalogue", {}, undefined);
  await service.receive(command);
  const announced = await service.takeSent();
  expect(new Set(announced.map(({ key }) => key)).size).toBe(announced.length);
  const [total] = await db.execute<{ count: number }>("select count(*)::int as count from product");
  const { count: products = 0 } = total ?? {};
  expect(announced).toHaveLength(products + 1);
  expect(announced.at(-1)).toEqual(sent(ProductsAnnounced, "catalogue", { products }));
  expect(announced).toContainEqual(changed({ ...product, version: 2 }, true));
});

describe("the version of a product", () => {
  const conditional = (method: string, id: string, body: unknown, headers: Record<string, string>, via = service) =>
    call(method, method === "POST" ? `/api/products/${id}/stock` : `/api/products/${id}`, body, "admin", headers, via);
  const bodies = { PATCH: { price: 9 }, DELETE: undefined, POST: { delta: 1 } } as const;
  const methods = Object.keys(bodies) as readonly (keyof typeof bodies)[];

  test("is the ETag of every answer that shows the product; the stock is no part of it", async () => {
    const creation = await call("POST", "/api/products", tea);
    expect(creation.headers.get("etag")).toBe('"1"');
    const { id } = Product.parse(creation.body);
    expect((await conditional("PATCH", id, { price: 9 }, {})).headers.get("etag")).toBe('"2"');
    expect((await conditional("POST", id, { delta: 1 }, {})).headers.get("etag")).toBe('"2"');
    const read = await call("GET", `/api/products/${id}`, undefined, "nobody");
    expect([read.headers.get("etag"), read.headers.get("cache-control")]).toEqual(['"2"', "no-store"]);
    const head = await call("HEAD", `/api/products/${id}`, undefined, "nobody");
    expect([head.status, head.headers.get("etag")]).toEqual([200, '"2"']);
  });

  test("that a caller names is the one that is changed, or nothing is: 412 with the product as it is", async () => {
    const product = await created();
    const present = Product.parse((await conditional("PATCH", product.id, { name: "Black tea" }, {})).body);
    await service.takeSent();
    for (const method of methods) {
      for (const stale of [{ "if-match": '"1"' }, { "if-match": 'W/"2"' }, { "if-none-match": '"2"' }] as const) {
        const refused = await conditional(method, product.id, bodies[method], { ...stale });
        expect([method, refused.status, refused.headers.get("etag")]).toEqual([method, 412, '"2"']);
        expect(refused.body).toMatchObject({ code: "VERSION_MISMATCH", version: 2, product: present });
      }
    }
    expect((await call("GET", `/api/products/${product.id}`)).body).toEqual({ ...present } as never);
    expect(await service.takeSent()).toEqual([]);
    // Stock alone makes no version stale.
    expect((await conditional("POST", product.id, { delta: 1 }, { "if-match": '"2"' })).status).toBe(200);
    expect((await conditional("PATCH", product.id, { price: 9 }, { "if-match": '"1", "2"' })).status).toBe(200);
    expect((await conditional("DELETE", product.id, undefined, { "if-match": "*" })).status).toBe(204);
  });

  test("of many who change the same version at two replicas lets one through, with one news of it", async () => {
    const product = await created();
    await service.takeSent();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        conditional("PATCH", product.id, { price: 100 + index }, { "if-match": '"1"' }, index % 2 ? service : twin),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array.from({ length: 11 }, () => 412)]);
    const winner = answers.find(({ status }) => status === 200);
    expect((await call("GET", `/api/products/${product.id}`)).body).toEqual(winner?.body as never);
    expect(await service.takeSent()).toHaveLength(1);
  });

  test("is looked at after the body and whether the product is there, and before what the change comes to", async () => {
    const { id } = await created({ stock: 0 });
    const stale = { "if-match": '"7"' };
    const statuses = [
      await call("PATCH", `/api/products/${id}`, { price: 1 }, "nobody", stale),
      await call("PATCH", `/api/products/${id}`, { price: 1 }, "customer", stale),
      await conditional("PATCH", id, { price: -1 }, stale),
      await conditional("PATCH", uuidV7(), { price: 1 }, stale),
      await conditional("POST", id, { delta: -1 }, stale),
      await conditional("POST", id, { delta: -1 }, { "if-match": '"1"' }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 403, 422, 404, 412, 409]);
    for (const header of ["if-match", "if-none-match"]) {
      const malformed = await conditional("PATCH", id, { price: 1 }, { [header]: "1" });
      expect([malformed.status, malformed.body]).toMatchObject([422, { errors: [{ path: header }] }]);
    }
  });

  test("that the caller has already is 304 to GET and HEAD, without a body and with what a 200 says of keeping it", async () => {
    const { id } = await created();
    for (const method of ["GET", "HEAD"]) {
      for (const known of ['"1"', 'W/"1"', '"0", "1"', "*"]) {
        const response = await service.app.request(`/api/products/${id}`, {
          method,
          headers: { "if-none-match": known },
        });
        const { status, headers } = response;
        expect([method, known, status, await response.text()]).toEqual([method, known, 304, ""]);
        expect([headers.get("etag"), headers.get("cache-control")]).toEqual(['"1"', "no-store"]);
        expect(headers.get("x-request-id")).not.toBeNull();
      }
      expect((await conditional("GET", id, undefined, { "if-none-match": '"0"' })).status).toBe(200);
      expect((await conditional("GET", id, undefined, { "if-match": '"0"' })).status).toBe(412);
    }
  });
});
