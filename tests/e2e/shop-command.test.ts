import { afterAll, beforeAll, expect, test } from "bun:test";
import { processNames } from "@shop/contracts/services";
import { runShop } from "@shop/shop/program";
import { eventually } from "@shop/testing/eventually";
import { publish, withoutReservations } from "../support/bad-messages.ts";
import { newProduct, orderBecomes, placeOrder, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let orderId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  orderId = (await placeOrder(await shop.logIn("customer"), await newProduct(shop, 10), 1)).id;
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

async function run(command: string, environment: Readonly<Record<string, string>> = {}) {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await runShop(command.split(" "), {
    environment: { SHOP_URL: shop.system.frontendUrl, SHOP_PASSWORD: "admin-password", ...environment },
    readLine: () => Promise.resolve(undefined),
    out: (line) => void out.push(line),
    error: (line) => void errors.push(line),
  });
  return { code, out, errors: errors.join("\n") };
}

/** Orders whose first command could not be handled. */
async function failedOrders(count: number): Promise<readonly string[]> {
  const customer = await shop.logIn("customer");
  const admin = await shop.logIn("admin");
  const product = await newProduct(shop, 5);
  const orderIds: string[] = [];
  await withoutReservations(shop, async () => {
    for (let index = 0; index < count; index += 1) orderIds.push((await placeOrder(customer, product, 1)).id);
    await eventually(async () => {
      const { items } = await admin.listDeadLetters({ service: "product" });
      expect(items.map(({ key }) => key)).toEqual(expect.arrayContaining(orderIds));
    });
  });
  return orderIds;
}

test("an operator finds an order, cancels it, follows it to its end and reads its saga", async () => {
  const orders = await run("orders --limit 1");
  expect([orders.code, orders.out.length, orders.out[1]?.split(/ +/)[0]]).toEqual([0, 2, orderId]);
  expect((await run(`cancel ${orderId}`)).code).toBe(0);
  const watched = await run(`watch ${orderId} --after 0 --json`);
  const events = watched.out.map((line) => (JSON.parse(line) as { type: string }).type);
  expect([watched.code, events[0], events.at(-1)]).toEqual([0, "CREATED", "CANCELLED"]);
  const sagas = await run(`sagas --order ${orderId} --json`);
  const { id, status } = JSON.parse(sagas.out[0] ?? "{}") as { id: string; status: string };
  expect(["COMPENSATING", "CANCELLED"]).toContain(status);
  expect((await run(`saga ${id}`)).out[0]).toMatch(/^AT +STEP +MESSAGE +DETAIL/);
  await run(`watch ${orderId}`);
  expect(await run(`retry ${id}`)).toMatchObject({ code: 1, errors: expect.stringContaining("ended") });
  expect((await run(`cancel-saga ${id}`)).code).toBe(1);
  expect((await run("stuck")).out).toEqual(["Nothing."]);
}, 180_000);

test("an operator registers a webhook, and it is told how an order ended", async () => {
  const told: unknown[] = [];
  const receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      told.push(await request.json());
      return new Response();
    },
  });
  try {
    const added = await run(`add-webhook http://127.0.0.1:${receiver.port}/hook --events order.cancelled --json`);
    const { id, secret } = JSON.parse(added.out[0] ?? "{}") as { id: string; secret: string };
    expect([added.code, secret.slice(0, 6)]).toEqual([0, "whsec_"]);
    const order = await placeOrder(await shop.logIn("customer"), await newProduct(shop, 5), 1);
    expect((await run(`cancel ${order.id}`)).code).toBe(0);
    await eventually(() =>
      expect(told).toMatchObject([
        { type: "order.cancelled", data: { orderId: order.id, cancelReason: "CANCELLED_BY_ADMIN" } },
      ]),
    );
    await eventually(async () => {
      const { out } = await run(`webhook-deliveries ${id} --state delivered --order ${order.id}`);
      expect(out[1]).toContain("order.cancelled");
    });
    expect((await run(`replay-webhook ${id} --dry-run`)).out[1]?.trim()).toBe("0");
    expect((await run(`change-webhook ${id} --state disabled`)).out[1]).toContain("disabled");
    expect((await run("webhooks")).code).toBe(0);
    expect((await run(`remove-webhook ${id}`)).code).toBe(0);
    expect((await run("webhooks")).out).toEqual(["Nothing."]);
    expect(await run("add-webhook http://10.0.0.1/")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("https"),
    });
  } finally {
    await receiver.stop(true);
  }
}, 180_000);

test("an operator searches orders, and has them as CSV and as JSON lines", async () => {
  const find = `orders --status CANCELLED --reason CANCELLED_BY_ADMIN --from 1h --oldest`;
  const csv = await run(`${find} --csv`);
  expect([csv.code, csv.out[0]?.split(",").slice(0, 3)]).toEqual([0, ["id", "customerId", "status"]]);
  expect(csv.out[1]?.split(",")[0]).toBe(orderId);
  const lines = (await run(`${find} --json`)).out.map((line) => JSON.parse(line) as { id: string });
  expect(lines[0]?.id).toBe(orderId);
  await eventually(async () => {
    const { out } = await run(`orders --find ${orderId.slice(-6)} --json`);
    expect(out).toHaveLength(1);
  });
  expect((await run("orders --from yesterday")).code).toBe(2);
}, 180_000);

test("an operator retries many sagas at once: counted first, then with progress until all are done", async () => {
  const customer = await shop.logIn("customer");
  const product = await newProduct(shop, 5);
  for (let index = 0; index < 3; index += 1)
    await orderBecomes(customer, (await placeOrder(customer, product, 1)).id, "progress", "WAITING_FOR_RIDER");
  const all = "retry-all --step WAIT_FOR_RIDER --from 1h";
  const counted = await run(`${all} --json`);
  const { total, operation } = JSON.parse(counted.out[0] ?? "{}") as { total: number; operation: unknown };
  expect([counted.code, total >= 3, operation]).toEqual([0, true, null]);
  const done = await run(`${all} --yes --json`);
  expect(JSON.parse(done.out.at(-1) ?? "{}")).toMatchObject({ status: "DONE", total, outcomes: { DONE: total } });
  expect((await run("bulk --json")).out[0]).toContain('"action":"RETRY"');
  expect((await run(`release-all --to 1h`)).out.at(-1)).toContain("0 in all");
}, 180_000);

test("an operator sees every process with its messages, the auditors' findings among them", async () => {
  const { code, out } = await run("health");
  expect([code, out[0]?.split(/ +/)]).toEqual([0, ["SERVICE", "STATUS", "RELEASE", "UNSENT", "LAG", "DEAD", "WHY"]]);
  const names = processNames;
  expect(out.slice(1).map((line) => line.split(/ +/).slice(0, 3))).toEqual(
    names.map((name) => [name, "UP", "unreleased"]),
  );
  await eventually(async () => {
    const found = (await run("health --json")).out.flatMap((line) => {
      const { findings } = JSON.parse(line) as { findings: readonly { finding: string; count: number }[] };
      return findings.map(({ finding, count }) => `${finding} ${count}`);
    });
    expect(new Set(found)).toEqual(
      new Set([
        "DEFERRED_MESSAGES 0",
        "DRIFTING_ORDERS 0",
        "DRIFTING_PRODUCTS 0",
        "STUCK_SAGAS 0",
        "UNREADABLE_PARTITIONS 0",
      ]),
    );
  });
}, 180_000);

test("an operator finds a message that could not be handled, reads it, tries it, and handles it once", async () => {
  const customer = await shop.logIn("customer");
  const [failedOrder = ""] = await failedOrders(1);
  const list = "dead-letters --service product --cause handler_failed";
  const listed = await run(`${list} --json`);
  const [deadLetter] = listed.out.map((line) => JSON.parse(line) as { id: string; key: string });
  expect([listed.code, deadLetter?.key]).toEqual([1, failedOrder]);
  expect((await run("health")).code).toBe(1);
  expect((await run(list)).out[0]).toMatch(/^LETTER +SERVICE +CAUSE +TYPE +FAILED +HANDLED$/);
  const shown = await run(`dead-letter ${deadLetter?.id}`);
  expect(shown.out.join("\n")).toContain('"type": "DecreaseProductCommand"');
  expect((await run(`dead-letter ${deadLetter?.id} --json`)).out).toHaveLength(1);
  const lag = (await run("lag --json")).out.map((line) => JSON.parse(line) as { service: string; deadLetters: number });
  expect(lag.find(({ service }) => service === "product")?.deadLetters).toBe(1);

  const tried = await run(`replay ${deadLetter?.id} --dry-run`);
  expect([tried.code, tried.out[1]]).toEqual([0, expect.stringMatching(/ APPLIED +none +\d+$/)]);
  expect((await run(list)).out).toHaveLength(2);
  const handled = await run(`replay ${deadLetter?.id}`);
  expect([handled.code, handled.out[1]]).toEqual([0, expect.stringMatching(/ APPLIED +kept +\d+$/)]);
  expect((await run(list)).out).toEqual(["Nothing."]);
  expect((await run(`${list} --handled`)).out).toHaveLength(2);
  expect((await run(`replay ${deadLetter?.id}`)).code).toBe(1);
  await orderBecomes(customer, failedOrder, "progress", "WAITING_FOR_RIDER");
}, 180_000);

test("an operator handles all messages of one cause at once, after having seen what would come of it", async () => {
  const orderIds = await failedOrders(3);
  const all = "replay-all --service product --cause HANDLER_FAILED";
  const countsOf = (line: string) => (JSON.parse(line) as { outcomes: Record<string, number> }).outcomes;
  const tried = await run(`${all} --dry-run --json`);
  expect([tried.code, tried.out.map(countsOf)]).toEqual([0, [{ APPLIED: 3 }]]);
  const handled = await run(all);
  expect([handled.code, handled.out[1]]).toEqual([0, expect.stringMatching(/^APPLIED +3 +kept$/)]);
  const customer = await shop.logIn("customer");
  for (const id of orderIds) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
  expect((await run(all)).out).toEqual(["Nothing."]);
}, 180_000);

test("what a message says cannot steer the terminal, and one that stays a dead letter leaves with 1", async () => {
  await publish(shop, "delivery.commands", [
    { key: "k", value: "\u001b[2J{", headers: { note: "\u001b]0;title\u0007" } },
  ]);
  const found = await eventually(async () => {
    const { out } = await run("dead-letters --cause NOT_JSON --json");
    expect(out).toHaveLength(1);
    return JSON.parse(out[0] ?? "") as { id: string };
  });
  const shown = (await run(`dead-letter ${found.id}`)).out.join("\n");
  expect(shown).toContain("\\u{1b}[2J{");
  expect(shown).not.toContain("\u001b");
  expect(await run(`replay ${found.id}`)).toMatchObject({
    code: 1,
    out: [expect.anything(), expect.stringContaining("UNREADABLE")],
  });
}, 180_000);

test("all that is stored about a customer comes as one object a line, and nothing about another one", async () => {
  const { code, out } = await run("customer-data customer --json");
  expect(code).toBe(0);
  const found = out.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const { id } = found[0] ?? {};
  expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(["account", "order", "delivery", "audit"]));
  expect(found.filter(({ kind, customerId }) => kind === "order" && customerId !== id)).toEqual([]);
  const audit = found.filter(({ kind }) => kind === "audit");
  expect(audit.filter((entry) => !JSON.stringify([entry["actor"], entry["subject"]]).includes(String(id)))).toEqual([]);
}, 180_000);

test("the books are told by their findings, a part that is away by the code, and an order that waits for it names it", async () => {
  await eventually(async () => {
    const { code, out } = await run("books --json");
    const found = out.map((line) => JSON.parse(line) as { finding: string; count: number });
    expect([code, found.filter(({ count }) => count > 0)]).toEqual([0, []]);
    expect(found.map(({ finding }) => finding)).toEqual(expect.arrayContaining(["STUCK_SAGAS"]));
  });
  const { supervisor } = shop.system;
  await supervisor.kill("delivery", "SIGKILL");
  const { id: waiting } = await placeOrder(await shop.logIn("customer"), await newProduct(shop, 1), 1);
  const explained = await eventually(async () => {
    const { code, out } = await run(`why ${waiting}`);
    expect([code, out.find((line) => line.startsWith("verdict"))]).toEqual([
      0,
      expect.stringMatching(/ SERVICE_DOWN$/),
    ]);
    return out.join("\n");
  });
  expect(explained).toContain("It waits for delivery to answer CreateDeliveryCommand since ");
  expect(explained).toContain("An operator can start delivery.");
  const away = await run("dead-letters");
  expect([away.code, away.errors]).toEqual([3, expect.stringContaining("No answer from delivery")]);
  for (const command of ["lag", "books"])
    expect(await run(command)).toMatchObject({ code: 3, errors: expect.stringContaining("delivery") });
  const health = await run("health");
  expect([health.code, health.out.find((line) => line.startsWith("delivery"))]).toEqual([
    1,
    expect.stringContaining("DOWN"),
  ]);
  await supervisor.restart("delivery");
}, 180_000);

test("a rider is invited, disabled and found in the audit trail", async () => {
  const invited = await run("invite shop.rider --role rider --json");
  const { code } = JSON.parse(invited.out[0] ?? "") as { code: string };
  expect([invited.code, code]).toEqual([0, expect.stringMatching(/^(?:\w{5}-){3}\w{5}$/)]);
  expect((await run("invite shop.rider")).code).toBe(1);
  expect((await run("users --role rider --state enabled")).out.join("\n")).toMatch(/shop\.rider +rider +invited/);
  expect((await run("change-user shop.rider --state disabled")).out.join("\n")).toContain("disabled");
  expect((await run("password-code shop.rider")).code).toBe(0);
  const acts = (await run("audit --name shop.rider --json")).out.map((line) => JSON.parse(line) as { action: string });
  expect(acts.map(({ action }) => action)).toEqual(["PASSWORD_CODE_ISSUED", "USER_CHANGED", "USER_INVITED"]);
  expect((await run(`audit --by admin --action USER_INVITED --service user --from 1h --json`)).out).toHaveLength(1);
  expect((await run("audit --service product --action PRODUCT_CREATED --by shop.rider --json")).out).toEqual([]);
  expect((await run("audit --action NOTHING")).errors).toContain("PRODUCT_WITHDRAWN");
  expect((await run("change-user shop.rider")).code).toBe(2);
  expect((await run("password-code nobody.here")).errors).toContain("There is no user nobody.here");
}, 180_000);

test("the code tells what went wrong, and a sentence what to do", async () => {
  expect((await run("--help")).out.join("\n")).toContain("Usage: bun run shop");
  expect((await run("nonsense")).code).toBe(2);
  expect((await run("health --limit 3")).code).toBe(2);
  expect((await run("sagas --status LOST")).errors).toContain("--status is one of RUNNING");
  expect((await run("orders --limit 0")).code).toBe(2);
  expect((await run("dead-letters --cause LOST")).errors).toContain("--cause is one of EMPTY");
  expect((await run("dead-letter 0193b3c8-0000-7000-8000-000000000003")).code).toBe(2);
  expect((await run("orders", { SHOP_PASSWORD: "" })).errors).toContain("SHOP_PASSWORD");
  expect((await run("orders", { SHOP_PASSWORD: "wrong password" })).code).toBe(1);
  expect((await run("orders", { SHOP_USER: "customer", SHOP_PASSWORD: "customer-password" })).code).toBe(0);
  expect((await run("sagas", { SHOP_USER: "customer", SHOP_PASSWORD: "customer-password" })).code).toBe(1);
  const away = await run("orders --url http://127.0.0.1:9");
  expect([away.code, away.errors]).toEqual([3, expect.stringContaining("cannot be reached")]);
}, 180_000);
