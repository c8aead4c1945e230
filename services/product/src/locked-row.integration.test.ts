import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  DecreaseProductCommand,
  IncreaseProductCommand,
  ProductDecreased,
  ProductIncreased,
} from "@shop/contracts/messages/product";
import { bySystem } from "@shop/database/audit-trail";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  expectOthersAnswered,
  expectOthersGoOn,
  type ParticipantTwice,
  participantTwice,
} from "@shop/service/testing/participant-on-kafka";
import { eq, sql } from "drizzle-orm";
import { auditBooks } from "./db/stock-audit.ts";
import { product } from "./db/schema.ts";
import { productService } from "./service.ts";
import { createProduct } from "./use-cases/create-product.ts";

let twice: ParticipantTwice;
let atHand: ParticipantTwice["atHand"];
let service: ParticipantTwice["service"];

beforeAll(async () => {
  twice = await participantTwice(productService);
  ({ atHand, service } = twice);
}, 120_000);
afterAll(async () => {
  const audit = { signal: new AbortController().signal, now: new Date(), isFull: true };
  const drift = (await auditBooks(atHand.context.db, audit))?.imbalances;
  await twice.close();
  expect(drift).toEqual([]);
});

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function onSale(stock: number): Promise<string> {
  const facts = { name: "Tea", description: "", price: 4_500, currency: "KRW" } as const;
  return (await createProduct(atHand.context, { ...facts, stock, origin: bySystem, traceparent })).id;
}
async function stockOf(id: string): Promise<number | undefined> {
  const [row] = await atHand.context.db.select({ stock: product.stock }).from(product).where(eq(product.id, id));
  return row?.stock;
}
const take = (orderId: string, ...productIds: readonly string[]) =>
  outgoing(
    DecreaseProductCommand,
    orderId,
    { orderId, items: productIds.map((productId) => ({ productId, quantity: 1 })) },
    undefined,
  );
const giveBack = (orderId: string) => outgoing(IncreaseProductCommand, orderId, { orderId }, undefined);
const orders = (count: number) => Array.from({ length: count }, uuidV7);
const leadsTo = ({ definition }: Outgoing) => [
  definition === DecreaseProductCommand ? ProductDecreased.type : ProductIncreased.type,
];

test("while a product is locked orders of others are served, and those of it afterwards, also by the process that is started in place of the one that deferred them", async () => {
  const [tea, jar] = [await onSale(100), await onSale(100)];
  const [first, second] = [uuidV7(), uuidV7()];
  await expectOthersGoOn(service, {
    lock: sql`select from product where id = ${tea} for update`,
    held: [take(first, tea), take(second, jar, tea), giveBack(first)],
    free: orders(20)
      .flatMap((orderId) => [take(orderId, jar), giveBack(orderId)])
      .concat(orders(20).map((orderId) => take(orderId, jar))),
    leadsTo,
    meanwhile: () => service.restart(),
  });
  expect([await stockOf(tea), await stockOf(jar)]).toEqual([99, 79]);
}, 300_000);

test("while an order's reservation is locked that order waits and the others are served", async () => {
  const jar = await onSale(100);
  const known = uuidV7();
  await atHand.receive(take(known, jar));
  await expectOthersGoOn(service, {
    lock: sql`select from reservation where order_id = ${known} for update`,
    held: [giveBack(known)],
    free: orders(10).map((orderId) => take(orderId, jar)),
    leadsTo,
  });
  expect(await stockOf(jar)).toBe(90);
}, 300_000);

test("while a product is locked calls that change it leave the connections to the others, and succeed when they are repeated afterwards", async () => {
  const [tea, jar] = [await onSale(100), await onSale(100)];
  const headers = { ...(await atHand.as("admin", uuidV7())), "content-type": "application/json" };
  const call = async (method: string, path: string, body?: object) =>
    atHand.app.request(`/api/products/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  for (const change of [
    (id: string) => call("PATCH", id, { price: 5_000 }),
    (id: string) => call("POST", `${id}/stock`, { delta: 1 }),
    (id: string) => call("DELETE", id),
  ])
    await expectOthersAnswered(service, {
      lock: sql`select from product where id = ${tea} for update`,
      held: () => change(tea),
      free: () => change(jar),
    });
  expect([await stockOf(tea), await stockOf(jar)]).toEqual([101, 101]);
}, 120_000);
