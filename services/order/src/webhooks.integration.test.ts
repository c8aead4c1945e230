import { afterEach, expect, test } from "bun:test";
import { WebhookDelivery, type WebhookEventType, WebhookWithSecret } from "@shop/contracts/http/webhook";
import { DeliveryCreated } from "@shop/contracts/messages/delivery";
import { CancelOrderCommand, CompleteOrderCommand } from "@shop/contracts/messages/order";
import { parseNetwork } from "@shop/http/outbound/public-addresses";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { sql } from "drizzle-orm";
import { Webhook as Verifier } from "standardwebhooks";
import { createOrderService } from "./service.ts";
import { type OrdersUnderTest, ordersUnderTest } from "./testing/orders-under-test.ts";
import { sendWebhooks, type WebhookSending } from "./use-cases/send-webhooks.ts";

const LOCAL: WebhookSending = { allowed: [parseNetwork("127.0.0.0/8")] };
const ALL: readonly WebhookEventType[] = ["order.completed", "order.cancelled", "delivery.created"];
const admin = uuidV7();
const underTest = ordersUnderTest(createOrderService(LOCAL));

interface Told {
  readonly type: string;
  readonly orderId: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A receiver of webhooks on this machine, and all that it was told. */
function receiver(answer: (told: Told, count: number) => Response = () => new Response()) {
  const told: Told[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = await request.text();
      const { type, data } = JSON.parse(body) as { type: string; data: { orderId: string } };
      const headers = Object.fromEntries(request.headers);
      const one = { type, orderId: data.orderId, id: headers["webhook-id"] ?? "", headers, body };
      told.push(one);
      return answer(one, told.length);
    },
  });
  ends.push(() => server.stop(true));
  return { told, url: `http://127.0.0.1:${server.port}/hook` };
}

async function call(method: string, path: string, body?: object): Promise<Response> {
  const { service } = underTest();
  return service.app.request(path, {
    method,
    headers: { ...(await service.as("admin", admin)), ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Registers a webhook for the time of a test. */
async function registered(url: string, events = ALL) {
  const response = await call("POST", "/api/webhooks", { url, events });
  expect(response.status).toBe(201);
  const webhook = WebhookWithSecret.parse(await response.json());
  ends.push(async () => void (await call("DELETE", `/api/webhooks/${webhook.id}`)));
  return webhook;
}

/** Sends webhooks at one replica for the time of a test. */
function sending(replica: "service" | "twin" = "service", how = LOCAL) {
  const stop = new AbortController();
  const { context } = underTest()[replica];
  const running = sendWebhooks({ ...context, clock: underTest().service.clock }, stop.signal, how);
  const end = async () => {
    stop.abort();
    await running;
  };
  ends.unshift(end);
  return end;
}

/** Moves the clock on until something is so. */
async function until(isSo: () => boolean | Promise<boolean>, stepMs = 500): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error("it did not come to that");
    await underTest().service.clock.advance(stepMs);
    await Bun.sleep(2);
  }
}

const created = ({ service }: OrdersUnderTest, orderId: string) =>
  service.receive(outgoing(DeliveryCreated, orderId, { orderId, deliveryId: uuidV7() }, undefined));
const completed = ({ service }: OrdersUnderTest, orderId: string) =>
  service.receive(outgoing(CompleteOrderCommand, orderId, { orderId }, undefined));

async function rows(): Promise<number> {
  const [row] = await underTest().service.context.db.execute<{ count: number }>(
    sql`select count(*)::int as count from webhook_delivery`,
  );
  return row?.count ?? 0;
}

const deliveriesOf = async (webhookId: string) => {
  const page = (await (await call("GET", `/api/webhooks/${webhookId}/deliveries`)).json()) as { items: unknown[] };
  return page.items.map((item) => WebhookDelivery.parse(item));
};

test("a webhook is told once what happens to an order, signed by Standard Webhooks, whatever is delivered twice", async () => {
  const { told, url } = receiver();
  const { id, secret } = await registered(url);
  sending();
  const orderId = await underTest().placed();
  await created(underTest(), orderId);
  await created(underTest(), orderId);
  await completed(underTest(), orderId);
  await completed(underTest(), orderId);
  const cancelledId = await underTest().placed();
  const reason = "OUT_OF_STOCK" as const;
  await underTest().service.receive(
    outgoing(CancelOrderCommand, cancelledId, { orderId: cancelledId, reason }, undefined),
  );
  await until(() => told.length >= 3);

  const verifier = new Verifier(secret);
  const events = told.map(({ body, headers }) => verifier.verify(body, headers) as { type: string; data: object });
  const ofOrder = events.filter(({ data }) => "orderId" in data && data.orderId === orderId);
  expect(ofOrder.map(({ type }) => type)).toEqual(["delivery.created", "order.completed"]);
  expect(ofOrder[1]?.data).toMatchObject({ total: 9_000, items: [{ name: "Tea", quantity: 2 }] });
  expect(events.filter(({ data }) => "orderId" in data && data.orderId === cancelledId)).toMatchObject([
    { type: "order.cancelled", data: { cancelReason: reason } },
  ]);
  await until(async () => (await deliveriesOf(id)).every(({ state }) => state === "DELIVERED"));
  expect(told).toHaveLength(3);
  expect(() =>
    new Verifier("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(told[0]?.body ?? "", told[0]?.headers ?? {}),
  ).toThrow();
});

test("without a webhook for an event no row is written for it, and none for one that is disabled", async () => {
  const before = await rows();
  const { url } = receiver();
  const orderId = await underTest().placed();
  await created(underTest(), orderId);
  const { id } = await registered(url, ["order.cancelled"]);
  await completed(underTest(), orderId);
  await call("PATCH", `/api/webhooks/${id}`, { enabled: false, events: ["order.completed"] });
  const other = await underTest().placed();
  await completed(underTest(), other);
  expect(await rows()).toBe(before);
});

test("an event that fails is repeated with the same id and backoff, and the later ones of its order wait for it, others do not", async () => {
  const { placed, service } = underTest();
  const orderId = await placed();
  const other = await placed();
  const at: number[] = [];
  const { told, url } = receiver((one) => {
    if (one.orderId !== orderId || one.type !== "delivery.created") return new Response();
    at.push(service.clock.now());
    return new Response(null, { status: at.length < 4 ? 500 : 204 });
  });
  await registered(url);
  sending();
  await created(underTest(), orderId);
  await completed(underTest(), orderId);
  await completed(underTest(), other);
  await until(() => told.some((one) => one.orderId === other));
  await until(() => told.some((one) => one.orderId === orderId && one.type === "order.completed"));

  const ofOrder = told.filter((one) => one.orderId === orderId);
  expect(ofOrder.map(({ type }) => type)).toEqual([...Array<string>(4).fill("delivery.created"), "order.completed"]);
  expect(new Set(ofOrder.slice(0, 4).map(({ id, body }) => id + body)).size).toBe(1);
  const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  for (const [index, least] of [5_000, 10_000, 20_000].entries()) expect(waits[index]).toBeGreaterThanOrEqual(least);
  expect(told.findIndex((one) => one.orderId === other)).toBeLessThan(told.length - 1);
});

test("an event that fails for a day is dead, those behind it wait, and a replay sends all of them in order", async () => {
  let isBroken = true;
  const orderId = await underTest().placed();
  const { told, url } = receiver(() => new Response(null, { status: isBroken ? 503 : 200 }));
  const { id } = await registered(url);
  sending();
  await created(underTest(), orderId);
  await completed(underTest(), orderId);
  await until(async () => (await deliveriesOf(id)).some(({ state }) => state === "DEAD"), 600_000);
  const [later, dead] = await deliveriesOf(id);
  expect(dead).toMatchObject({ type: "delivery.created", state: "DEAD", lastStatus: 503 });
  expect(later).toMatchObject({ type: "order.completed", state: "PENDING", attempts: 0 });
  expect(underTest().service.lines.some(({ event }) => event === "WEBHOOK_DEAD_LETTERED")).toBeTrue();

  isBroken = false;
  const tries = told.length;
  expect(await (await call("POST", `/api/webhooks/${id}/replay`, { dryRun: true })).json()).toEqual({
    dryRun: true,
    replayed: 1,
  });
  expect(await (await call("POST", `/api/webhooks/${id}/replay`, {})).json()).toEqual({ dryRun: false, replayed: 1 });
  await until(() => told.length === tries + 2);
  expect(told.slice(tries).map(({ type }) => type)).toEqual(["delivery.created", "order.completed"]);
  expect(told[tries]?.id).toBe(told[0]?.id ?? "");
});

test("two replicas send each order's events in order, also when requests fail now and then", async () => {
  const { told, url } = receiver((_one, count) => new Response(null, { status: count % 7 === 0 ? 500 : 200 }));
  const { id } = await registered(url);
  const orderIds = await Promise.all(Array.from({ length: 30 }, () => underTest().placed()));
  for (const orderId of orderIds) await created(underTest(), orderId);
  sending("service");
  sending("twin");
  for (const orderId of orderIds) await completed(underTest(), orderId);
  await until(async () => {
    const webhook = (await (await call("GET", `/api/webhooks/${id}`)).json()) as { pending: number };
    return webhook.pending === 0;
  });
  for (const orderId of orderIds) {
    const ids = told.filter((one) => one.orderId === orderId).map(({ type }) => type);
    expect(ids.lastIndexOf("delivery.created")).toBeLessThan(ids.indexOf("order.completed"));
  }
  // Each seventh was refused, so it came again; nothing else did.
  expect(told.length - Math.floor(told.length / 7)).toBe(60);
});

test("what a process had claimed when it crashed is sent by another one, with the same id", async () => {
  const { told, url } = receiver();
  const { id } = await registered(url);
  const orderId = await underTest().placed();
  await completed(underTest(), orderId);
  const { db } = underTest().service.context;
  const now = underTest().service.clock.now();
  // As a process leaves it that claims it and is killed before the answer.
  await db.execute(sql`
    update webhook_delivery set attempts = 1, next_attempt_at = ${new Date(now + 30_000).toISOString()}::timestamptz where webhook_id = ${id}`);
  const [claimed] = await deliveriesOf(id);
  sending();
  await until(() => told.length > 0);
  expect(told[0]?.id).toBe(`msg_${claimed?.id}`);
  expect(underTest().service.clock.now()).toBeGreaterThanOrEqual(now + 30_000);
});

test("no webhook leads to an address that is not public, whatever its name says when it is registered", async () => {
  const { told, url } = receiver();
  for (const refused of [
    "http://10.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/",
    "https://2852039166/",
    "ftp://example.com/",
  ]) {
    const response = await call("POST", "/api/webhooks", { url: refused, events: ALL });
    expect(response.status, refused).toBe(422);
  }
  const named = await registered(url.replace("127.0.0.1", "hook.example.com"));
  const orderId = await underTest().placed();
  await completed(underTest(), orderId);
  const end = sending("service", {
    allowed: [parseNetwork("127.0.0.0/8")],
    resolve: async () => ["127.0.0.1", "10.0.0.7"],
  });
  await until(async () => (await deliveriesOf(named.id))[0]?.lastError?.includes("10.0.0.7") ?? false);
  await end();
  expect(told).toBeEmpty();
});

test("a new secret signs beside the old one for a day, and no answer shows one again", async () => {
  const { told, url } = receiver();
  const first = await registered(url);
  const renewed = WebhookWithSecret.parse(await (await call("POST", `/api/webhooks/${first.id}/secret`, {})).json());
  expect(renewed.secret).not.toBe(first.secret);
  sending();
  await completed(underTest(), await underTest().placed());
  await until(() => told.length === 1);
  const { id = "", headers = {}, body = "" } = told[0] ?? {};
  const sentAt = new Date(Number(headers["webhook-timestamp"]) * 1_000);
  const signatures = [renewed.secret, first.secret].map((secret) => new Verifier(secret).sign(id, sentAt, body));
  expect(headers["webhook-signature"]).toBe(signatures.join(" "));
  const shown = await (await call("GET", "/api/webhooks")).text();
  expect(shown).not.toContain("whsec_");
  expect(JSON.stringify(underTest().service.lines)).not.toContain("whsec_");
});

test("the audit trail has what an admin does with a webhook, without its secret", async () => {
  const { url } = receiver();
  const { id } = await registered(url);
  await call("PATCH", `/api/webhooks/${id}`, { enabled: false });
  await call("POST", `/api/webhooks/${id}/secret`, {});
  await call("POST", `/api/webhooks/${id}/replay`, {});
  await call("DELETE", `/api/webhooks/${id}`);
  const entries = await underTest().service.context.db.execute<{ action: string; whole: string }>(
    sql`select action, e::text as whole from audit_entry e where subject_id = ${id} order by seq`,
  );
  expect(entries.map(({ action }) => action)).toEqual(
    ["REGISTERED", "CHANGED", "SECRET_RENEWED", "REPLAYED", "REMOVED"].map((done) => `WEBHOOK_${done}`),
  );
  expect(entries.map(({ whole }) => whole).join("")).not.toContain("whsec_");
  expect(entries.every(({ whole }) => whole.includes(admin))).toBeTrue();
});

test("a receiver that answers 410 is told no more", async () => {
  const { told, url } = receiver(() => new Response(null, { status: 410 }));
  const { id } = await registered(url);
  sending();
  await completed(underTest(), await underTest().placed());
  await until(async () => !((await (await call("GET", `/api/webhooks/${id}`)).json()) as { enabled: boolean }).enabled);
  expect(told).toHaveLength(1);
});
