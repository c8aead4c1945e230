import { eventually } from "@shop/testing/eventually";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { enter } from "@shop/local/demo/enter";
import { press, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { deliveryOf, newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let soldOut: string;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  soldOut = await newProduct(shop, 0);
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

async function signUp({ page }: Visitor, name: string): Promise<void> {
  await page.goto("/sign-up");
  await page.getByLabel("Password", { exact: true }).fill("a quiet jar of honey");
  await press(
    page.getByRole("button", { name: "Create an account" }),
    () => page.getByRole("button", { name: "Sign out" }).waitFor(),
    // One that the shop was too busy to answer about may be taken.
    (presses) => page.getByLabel("Name", { exact: true }).fill(`${name}${presses}`),
  );
}

/** Puts something into the cart and orders it; the order's page is shown then. */
async function orderOne({ page }: Visitor, product = "Yakgwa"): Promise<string> {
  await page.goto("/");
  await page.getByRole("button", { name: `Add to cart: ${product}` }).click();
  await page.getByRole("link", { name: /^Cart/ }).click();
  await page.getByLabel("Delivery address").fill("1 Sejong-daero, Jung-gu, Seoul");
  await press(page.getByRole("button", { name: "Place order" }), () => page.waitForURL(/\/orders\/[0-9a-f-]+$/));
  return page.url().split("/").at(-1) ?? "";
}

/** Waits for a step on an order's page; when it does not come, the error says what the page shows and what the shop knows of the order. */
async function untilStep({ page }: Visitor, orderId: string, text: string): Promise<void> {
  try {
    await page.locator(".stage.now", { hasText: text }).waitFor();
  } catch (error) {
    const shown = await page.locator("main").innerText();
    const why = await shop.logIn("admin").then((admin) => admin.explainOrder(orderId));
    const lines = shop.logs.filter((line) => !line.includes('"level":"info"')).slice(-30);
    throw new Error(`the page shows:\n${shown}\n${JSON.stringify(why, undefined, 1)}\n${lines.join("\n")}`, {
      cause: error,
    });
  }
}

test("a new customer signs up, orders, sees the order move as its saga moves, until the rider has been there", async () => {
  const visitor = await browser.visit();
  await signUp(visitor, "browser.customer");
  const orderId = await orderOne(visitor);
  await untilStep(visitor, orderId, "Waiting for a rider");
  await visitor.page.getByText("Live", { exact: true }).waitFor();
  await visitor.picture("customer-order-waiting");

  const rider = await shop.logIn("rider");
  const delivery = await deliveryOf(rider, orderId);
  await rider.completeDelivery(delivery.id);
  await visitor.page.locator(".page-head .pill", { hasText: "Complete" }).waitFor();
  expect(await visitor.page.locator(".stage.past").count()).toBe(5);
  expect(await visitor.page.locator(".stage time").count()).toBe(5);
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("an answer that an event has overtaken does not set the order back", async () => {
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("customer");
  const release = Promise.withResolvers<void>();
  const answers = { held: 0, given: 0 };
  // The page asks once more when events begin to come. That answer, of an order without a delivery, arrives behind the event of the delivery.
  await page.route(/\/api\/orders\/[0-9a-f-]{36}$/, async (route) => {
    const response = await route.fetch();
    if (answers.given > 0) {
      answers.held += 1;
      await release.promise;
    }
    await route.fulfill({ response });
    answers.given += 1;
  });
  await shop.system.supervisor.kill("delivery", "SIGSTOP");
  const orderId = await orderOne(visitor);
  await page.getByText("Live", { exact: true }).waitFor();
  await eventually(() => expect(answers.held).toBeGreaterThan(0));
  await shop.system.supervisor.kill("delivery", "SIGCONT");
  await untilStep(visitor, orderId, "Waiting for a rider");
  release.resolve();
  await eventually(() => expect(answers.given).toBe(1 + answers.held));
  await untilStep(visitor, orderId, "Waiting for a rider");
  // The page would go on asking while another test's server is down.
  await page.unrouteAll({ behavior: "wait" });
  await visitor.context.close();
}, 240_000);

test("an order is cancelled by its customer, after a question, and says why it ended", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  await untilStep(visitor, await orderOne(visitor), "Waiting for a rider");
  await visitor.page.getByRole("button", { name: "Cancel this order" }).click();
  await visitor.page.getByRole("button", { name: "Yes, cancel it" }).click();
  await visitor.page.locator(".stage.bad.past", { hasText: "The customer cancelled it." }).waitFor();
  await visitor.picture("customer-order-cancelled");
  await visitor.page.getByRole("link", { name: "My orders" }).click();
  await visitor.page.locator(".row .pill", { hasText: "Cancelled" }).first().waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("what is sold out cannot be put into the cart", async () => {
  const visitor = await browser.visit();
  await visitor.page.goto("/");
  const card = visitor.page.locator(".product", { hasText: "Test 0" });
  await card.getByText("Sold out").waitFor();
  expect(await card.getByRole("button").count()).toBe(0);
  expect(soldOut).not.toBe("");
});

test("no script of a page can read the session, and leaving ends it for the whole browser", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  const seen = await visitor.page.evaluate<string>(
    "JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }])",
  );
  const [cookie] = (await visitor.context.cookies()).filter(({ name }) => name === "session");
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(seen).not.toContain("eyJ");
  expect(seen).not.toContain(cookie?.value.slice(0, 20) ?? "session");
  await visitor.page.getByRole("button", { name: "Sign out" }).click();
  await visitor.page.getByRole("link", { name: "Sign in" }).waitFor();
  expect((await visitor.context.cookies()).map(({ name }) => name)).not.toContain("session");
  await visitor.page.goto("/orders");
  await visitor.page.getByText("Sign in to go on.").waitFor();
});

test("an order is sent again after a lost answer without being placed twice, and the page says what is the matter", async () => {
  const visitor = await browser.visit();
  await signUp(visitor, "browser.unlucky");
  const { page } = visitor;
  await page.goto("/");
  await page.getByRole("button", { name: "Add to cart: Yakgwa" }).click();
  await page.getByRole("link", { name: /^Cart/ }).click();
  await page.getByLabel("Delivery address").fill("2 Sejong-daero, Jung-gu, Seoul");
  // The order arrives, its answer does not.
  await page.route("**/api/orders", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Place order" }).click();
  await page.getByText("the same order is never placed twice").waitFor();
  await visitor.picture("customer-answer-lost");
  await page.unroute("**/api/orders");
  await page.getByRole("button", { name: "Place order" }).click();
  await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
  await page.getByRole("link", { name: "My orders" }).click();
  await page.locator(".row").first().waitFor();
  expect(await page.locator(".row").count()).toBe(1);
}, 240_000);

test("without a network the page says so, and catches up when it is back", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  await untilStep(visitor, await orderOne(visitor), "Waiting for a rider");
  await visitor.context.setOffline(true);
  await visitor.page.getByText("You are offline.").first().waitFor();
  await visitor.picture("customer-offline");
  await visitor.page.getByRole("link", { name: "Shop", exact: true }).click();
  await visitor.page.getByRole("alert").getByText("You are offline.").waitFor();
  await visitor.context.setOffline(false);
  await visitor.page
    .getByRole("button", { name: /^Add to cart/ })
    .first()
    .waitFor();
}, 240_000);

test("a timeline whose server dies says that it has lost it, and shows what happened meanwhile when it is back", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  const orderId = await orderOne(visitor);
  await visitor.page.getByText("Live", { exact: true }).waitFor();
  await visitor.page.locator(".stage.now", { hasText: "Waiting for a rider" }).waitFor();
  await shop.system.supervisor.kill("frontend", "SIGKILL");
  await visitor.page.getByText("Connection lost; reconnecting…").waitFor();
  await visitor.picture("customer-connection-lost");
  const rider = await enter(shop.system.gatewayUrl, "rider2");
  const delivery = await deliveryOf(rider, orderId);
  await rider.completeDelivery(delivery.id);
  await shop.system.supervisor.restart("frontend");
  await visitor.page.locator(".page-head .pill", { hasText: "Complete" }).waitFor();
  expect(await visitor.page.locator(".stage time").count()).toBe(5);
}, 240_000);
