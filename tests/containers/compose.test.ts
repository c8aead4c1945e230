import { afterAll, beforeAll, expect, test } from "bun:test";
import { connectShop, type Shop } from "@shop/client/shop";
import { areOrderable } from "@shop/local/demo/orderable";
import { eventually } from "@shop/testing/eventually";
import { orderBecomes, placeOrder } from "../support/test-system.ts";
import { type Container, composeProject, docker, serviceOf } from "../support/compose-project.ts";

const { url, compose, containers } = composeProject({
  name: "order-delivery-test",
  port: Number(process.env["COMPOSE_TEST_PORT"] ?? 18_080),
});
let customer: Shop;
let rider: Shop;
let productId: string;

beforeAll(async () => {
  await compose("up", "--build", "--wait", "--wait-timeout", "240");
  customer = await loggedIn("customer");
  rider = await loggedIn("rider");
  productId = (await customer.listProducts({ limit: 100 })).items.find(({ stock }) => stock > 100)?.id ?? "";
  await eventually(async () => expect(await areOrderable(customer, [productId])).toBe(true));
}, 600_000);
afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "15");
}, 120_000);

/** As any program is at the shop: on a busy machine a call may be answered with 503, and the client makes it again. */
async function loggedIn(name: string): Promise<Shop> {
  const shop = connectShop({ baseUrl: url });
  // Just started on a machine that is busy, a password may take longer than a call has.
  await eventually(() => shop.logIn(name, `${name}-password`));
  return shop;
}

async function waitingOrder(): Promise<string> {
  const { id } = await placeOrder(customer, productId, 1);
  await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", 30_000);
  return id;
}

async function complete(orderId: string): Promise<void> {
  const [delivery] = (await rider.listDeliveries({ orderId })).items;
  await rider.completeDelivery(delivery?.id ?? "");
  await orderBecomes(customer, orderId, "status", "COMPLETE", 30_000);
}

test("the journey through load balancer, frontend and gateway: log in, order, delivery, COMPLETE", async () => {
  await complete(await waitingOrder());
}, 60_000);

const databaseOwners = ["user", "order", "product", "delivery", "orchestrator"];

test("every container is read-only, without root, without capabilities and within a limit of memory", async () => {
  const all = await containers();
  expect(new Set(all.map(serviceOf)).size).toBe(19);
  const lax = all.filter(({ Config: { User }, HostConfig: host }) => {
    const strict =
      host.ReadonlyRootfs &&
      !host.Privileged &&
      (host.CapAdd ?? []).length === 0 &&
      host.CapDrop?.join() === "ALL" &&
      host.SecurityOpt?.includes("no-new-privileges:true") === true &&
      host.Memory > 0;
    return !strict || ["", "0", "root"].includes(User.split(":")[0] ?? "");
  });
  expect(lax.map(serviceOf)).toEqual([]);
});

test("only the load balancer is published", async () => {
  const published = (await containers()).filter(({ NetworkSettings: { Ports } }) =>
    Object.values(Ports).some((bindings) => (bindings ?? []).length > 0),
  );
  expect(published.map(serviceOf)).toEqual(["nlb"]);
});

test("a database is reached by its own service and its migration, and by nothing else", async () => {
  const members = Map.groupBy(
    (await containers()).flatMap((container) =>
      Object.keys(container.NetworkSettings.Networks).map((network) => ({ network, service: serviceOf(container) })),
    ),
    ({ network }) => network.replace(/^.*?_/, ""),
  );
  for (const owner of databaseOwners) {
    const names = new Set(members.get(`${owner}-db`)?.map(({ service }) => service));
    expect(names).toEqual(new Set([owner, `${owner}-db`, `${owner}-migration`]));
  }
  const [product] = (await containers()).filter((container) => serviceOf(container) === "product");
  const tryFrom = (host: string) =>
    docker([
      ...["exec", product?.Id ?? "", "bun", "-e"],
      `await Bun.connect({ hostname: "${host}", port: 5432, socket: { data() {} } }); process.exit(0)`,
    ]);
  await tryFrom("product-db");
  await expect(tryFrom("order-db")).rejects.toThrow();
});

test("each migration ran as a step of its own and ended well before its service began", async () => {
  const migrations = (await containers()).filter((container) => serviceOf(container).endsWith("-migration"));
  const outcome = ({ State: { Status, ExitCode } }: Container) => `${Status} ${ExitCode}`;
  expect(migrations.map(outcome)).toEqual(databaseOwners.map(() => "exited 0"));
});

test("a service started as production refuses the passwords of compose.yaml and demo data, with a sentence", async () => {
  for (const service of databaseOwners) {
    const start = compose("run", "--rm", "--no-deps", "-e", "ENVIRONMENT=production", service);
    await expect(start).rejects.toThrow("has a password of development in production");
    await expect(start).rejects.toThrow("SEED_DEMO_DATA is true in production");
  }
}, 60_000);

test("orders go on after any of their services was killed in the middle and started again", async () => {
  for (const victim of ["orchestrator", "product", "delivery", "order"]) {
    const placed = await placeOrder(customer, productId, 1);
    // The restart policy does not bring back what was killed through the engine.
    await compose("kill", "--signal", "KILL", victim);
    await compose("start", victim);
    await orderBecomes(customer, placed.id, "progress", "WAITING_FOR_RIDER", 40_000);
  }
}, 240_000);

test("with more replicas of order and orchestrator every order is served", async () => {
  await compose("up", "--wait", "--no-recreate", "--scale", "order=3", "--scale", "orchestrator=2");
  const orderIds = await Promise.all(Array.from({ length: 50 }, waitingOrder));
  // One after the other: all of them at once are more than one rider may ask for in a second.
  for (const orderId of orderIds) await complete(orderId);
}, 240_000);
