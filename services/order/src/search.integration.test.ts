import { beforeAll, expect, test } from "bun:test";
import type { Order } from "@shop/contracts/http/order";
import { CancelOrderCommand } from "@shop/contracts/messages/order";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import type { ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { customer, ordersUnderTest } from "./testing/orders-under-test.ts";
import { indexOrders } from "./use-cases/index-orders.ts";

const orders = ordersUnderTest();
let service: ParticipantUnderTest;
beforeAll(() => {
  ({ service } = orders());
});

/** An order that goes to this address, placed by a customer of its own. */
async function placedTo(deliveryAddress: string): Promise<string> {
  const id = await orders().placed();
  await service.context.db.execute(sql`
    update orders set delivery_address = ${deliveryAddress}, customer_id = ${uuidV7()} where id = ${id}`);
  return id;
}

async function found(query: string, role: "admin" | "customer" = "admin"): Promise<readonly string[]> {
  const headers = await service.as(role, role === "admin" ? uuidV7() : customer);
  const response = await service.app.request(`/api/orders?${query}`, { headers });
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: Order[] }).items.map(({ id }) => id);
}

/** Lets the words of all orders be written. */
async function index(): Promise<void> {
  const stopping = new AbortController();
  const indexing = indexOrders(service.context, stopping.signal);
  await eventually(async () => {
    await service.clock.advance(2_000);
    const [row] = await service.context.db.execute<{ left: number }>(
      sql`select count(*)::int as left from orders where id not in (select order_id from order_search)`,
    );
    expect(row?.left).toBe(0);
  });
  stopping.abort();
  await indexing;
}

test("an operator finds orders by the beginnings of words of their address and goods, by their number and their products", async () => {
  const id = await placedTo("서울 강남구 12 Teheran-ro, apt. O'Brien");
  const other = await placedTo("부산 해운대구 7 Haeun-daero");
  await index();
  const search = (q: string) => found(`q=${encodeURIComponent(q)}`);
  for (const words of ["강남", "teheran", "Teheran-ro 강", "o'brien", id, id.slice(-6).toUpperCase()])
    expect([words, await search(words)]).toEqual([words, [id]]);
  expect(await search("해운대")).toEqual([other]);
  for (const nothing of ["강남 haeun", "nowhere", "'", "& | !", ":*"]) expect(await search(nothing)).toEqual([]);
  const [row] = await service.context.db.execute<{ productId: string }>(
    sql`select items -> 0 ->> 'productId' as "productId" from orders where id = ${id}`,
  );
  expect(await found(`productId=${row?.productId}&q=teheran`)).toEqual([id]);
  expect(await found(`productId=${uuidV7()}`)).toEqual([]);
});

test("orders are found by status, reason, customer and time, from either end, all that is given at once", async () => {
  const first = await placedTo("One");
  const second = await placedTo("Two");
  await service.receive(outgoing(CancelOrderCommand, second, { orderId: second, reason: "OUT_OF_STOCK" }, undefined));
  const time = (id: string) => new Date(Number.parseInt(id.replace("-", "").slice(0, 12), 16));
  const from = `from=${time(first).toISOString()}`;
  expect(await found(`${from}&reason=OUT_OF_STOCK`)).toEqual([second]);
  expect(await found(`${from}&status=CANCELLED`)).toEqual([second]);
  expect(await found(`${from}&status=PENDING&reason=OUT_OF_STOCK`)).toEqual([]);
  expect(await found(`${from}&sort=oldest`)).toEqual([first, second]);
  expect(await found(`${from}&to=${time(first).toISOString()}`)).toEqual([]);
  const [row] = await service.context.db.execute<{ customerId: string }>(
    sql`select customer_id as "customerId" from orders where id = ${first}`,
  );
  expect(await found(`customerId=${row?.customerId}`)).toEqual([first]);
  expect(await found(`customerId=${row?.customerId}`, "customer")).toEqual([]);
});

test("a list that is read from its oldest end goes on behind its cursor, page after page", async () => {
  const placed = [await placedTo("A"), await placedTo("B"), await placedTo("C")];
  const from = new Date(Number.parseInt((placed[0] ?? "").replace("-", "").slice(0, 12), 16)).toISOString();
  const headers = await service.as("admin", uuidV7());
  const seen: string[] = [];
  for (let cursor = ""; seen.length < 3;) {
    const response = await service.app.request(`/api/orders?from=${from}&sort=oldest&limit=1${cursor}`, { headers });
    const page = (await response.json()) as { items: Order[]; nextCursor: string };
    seen.push(...page.items.map(({ id }) => id));
    cursor = `&cursor=${page.nextCursor}`;
  }
  expect(seen).toEqual(placed);
});

test("a page of orders is CSV with a line of names, or one JSON object a line, for a caller who asks for that", async () => {
  const [first, second] = [await placedTo('=cmd, "quoted"'), await placedTo("Two")];
  const from = `from=${new Date(Number.parseInt(first.replace("-", "").slice(0, 12), 16)).toISOString()}&sort=oldest`;
  const as = async (accept: string, query: string) => {
    const headers = { ...(await service.as("admin", uuidV7())), accept };
    return service.app.request(`/api/orders?${query}`, { headers });
  };
  const csv = await as("text/csv", `${from}&limit=1`);
  const [names, row] = (await csv.text()).split("\r\n");
  expect(csv.headers.get("content-type")).toContain("text/csv");
  expect(names).toStartWith("id,customerId,status,");
  expect(row).toStartWith(`${first},`);
  expect(row).toContain(`"'=cmd, ""quoted"""`);
  expect(csv.headers.get("x-next-cursor")).toBe(first.replaceAll("-", ""));
  const lines = await as("application/x-ndjson", from);
  const objects = (await lines.text()).trimEnd().split("\n");
  expect(objects.map((line) => (JSON.parse(line) as Order).id)).toEqual([first, second]);
  expect((await as("*/*", from)).headers.get("content-type")).toBe("application/json");
});
