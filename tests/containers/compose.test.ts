import { afterAll, beforeAll, expect, test } from "bun:test";
import { areOrderable } from "@shop/local/demo/orderable";
import { anyone, logIn, type ShopClient } from "@shop/local/demo/shop-client";
import { eventually } from "@shop/testing/eventually";
import { orderBecomes, placeOrder } from "../support/test-system.ts";

const project = `order-delivery-test-${process.pid}`;
const url = `http://127.0.0.1:${process.env["COMPOSE_TEST_PORT"] ?? "18080"}`;
let customer: ShopClient;
let rider: ShopClient;
let productId: string;

/**
 * Runs docker compose on this project. `COMPOSE_OVERRIDE` names a further compose file, for a host whose builds need settings of their own.
 * @throws with what it wrote when it fails
 */
async function compose(...words: readonly string[]): Promise<string> {
  const override = process.env["COMPOSE_OVERRIDE"];
  const files = ["-f", "compose.yaml", ...(override ? ["-f", override] : [])];
  const run = Bun.spawn(["docker", "compose", "-p", project, ...files, ...words], {
    cwd: `${import.meta.dir}/../..`,
    env: { ...process.env, PORT: new URL(url).port },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  if (code !== 0) throw new Error(`docker compose ${words.join(" ")} failed: ${errors.slice(-2_000)}`);
  return out;
}

beforeAll(async () => {
  await compose("up", "--build", "--wait", "--wait-timeout", "240");
  customer = await logIn(url, "customer", "customer-password");
  rider = await logIn(url, "rider", "rider-password");
  const { body } = await anyone(url).call("GET", "/api/products?limit=100");
  productId = (body["items"] as readonly { id: string; stock: number }[]).find(({ stock }) => stock > 100)?.id ?? "";
  await eventually(async () => expect(await areOrderable(customer, [productId])).toBe(true));
}, 600_000);
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "15");
}, 120_000);

async function waitingOrder(): Promise<string> {
  const { status, body } = await placeOrder(customer, productId, 1);
  expect(status).toBe(201);
  const orderId = String(body["id"]);
  await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER", 30_000);
  return orderId;
}

async function complete(orderId: string): Promise<void> {
  const { body } = await rider.call("GET", `/api/deliveries?orderId=${orderId}`);
  const [delivery] = body["items"] as readonly { id: string }[];
  expect((await rider.call("PUT", `/api/deliveries/${delivery?.id}/complete`)).status).toBe(200);
  await orderBecomes(customer, orderId, "status", "COMPLETE", 30_000);
}

test("the journey through load balancer, frontend and gateway: log in, order, delivery, COMPLETE", async () => {
  await complete(await waitingOrder());
}, 60_000);

test("orders go on after any of their services was killed in the middle and started again", async () => {
  for (const victim of ["orchestrator", "product", "delivery", "order"]) {
    const placed = await placeOrder(customer, productId, 1);
    // The restart policy does not bring back what was killed through the engine.
    await compose("kill", "--signal", "KILL", victim);
    await compose("start", victim);
    await orderBecomes(customer, String(placed.body["id"]), "progress", "WAITING_FOR_RIDER", 40_000);
  }
}, 240_000);

test("with more replicas of order and orchestrator every order is served", async () => {
  await compose("up", "--wait", "--no-recreate", "--scale", "order=3", "--scale", "orchestrator=2");
  const orderIds = await Promise.all(Array.from({ length: 50 }, waitingOrder));
  await Promise.all(orderIds.map(complete));
}, 240_000);
