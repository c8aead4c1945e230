import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { PHONE, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { newProduct, startTestSystem, type TestSystem, waitingOrder } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let orderId: string;
let sagaId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  orderId = await waitingOrder(shop, await newProduct(shop, 100));
  const [saga] = (await (await shop.logIn("admin")).listSagas({ orderId })).items;
  sagaId = saga?.id ?? "";
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

interface Tab {
  readonly name: string;
  readonly page: Page;
  /** What is seen of it as long as it has its data. */
  readonly content: string;
}

/** Every page that renews what it shows, each in a tab of its own. */
async function openTabs(): Promise<{ readonly tabs: readonly Tab[]; readonly visitors: readonly Visitor[] }> {
  const tabs: Tab[] = [];
  const visitors: Visitor[] = [];
  for (const { person, options, pages } of everybody()) {
    const visitor = await browser.visit(options);
    visitors.push(visitor);
    await visitor.signIn(person);
    for (const [path, content] of pages) {
      const page = await visitor.context.newPage();
      await page.goto(path);
      await page.locator(content).first().waitFor();
      // A document that was loaded again would not have it.
      await page.evaluate("globalThis.isTheSame = true");
      tabs.push({ page, content, name: `${person}${path.replace(/[0-9a-f-]{36}/, "one").replaceAll("/", "-")}` });
    }
  }
  return { tabs, visitors };
}

const everybody = () =>
  [
    {
      person: "customer",
      options: {},
      pages: [
        ["/orders", ".rows .row"],
        [`/orders/${orderId}`, ".stage"],
      ],
    },
    { person: "rider", options: { viewport: PHONE, locale: "ko-KR" }, pages: [["/rider", ".delivery"]] },
    {
      person: "admin",
      options: { colorScheme: "dark" },
      pages: [
        ["/admin", ".rows .row"],
        [`/admin/sagas/${sagaId}`, ".lane-step"],
        ["/admin/orders", ".rows .row"],
        ["/admin/deliveries", ".rows .row"],
        ["/admin/products", ".product-row"],
        ["/admin/dead-letters", "main .empty"],
        ["/admin/health", ".process"],
      ],
    },
  ] as const;

test("while the gateway is away every page says so beside what it knows, and goes on by itself when it is back", async () => {
  const { tabs, visitors } = await openTabs();
  await shop.system.supervisor.kill("gateway", "SIGKILL");
  for (const { page, content, name } of tabs) {
    // What is not in front is not renewed.
    await page.bringToFront();
    await page.locator("[role=alert], .live.lost").first().waitFor();
    expect([name, await page.locator(content).count()]).not.toEqual([name, 0]);
    await visitors[0]?.picture(`away-${name}`, page);
  }
  await shop.system.supervisor.restart("gateway");
  for (const { page, content, name } of tabs) {
    await page.bringToFront();
    await page.locator("[role=alert], .live.lost").first().waitFor({ state: "detached" });
    expect([name, await page.locator(content).count()]).not.toEqual([name, 0]);
    expect(await page.evaluate<boolean>("globalThis.isTheSame")).toBe(true);
  }
  for (const { complaints, context } of visitors) {
    expect(complaints).toEqual([]);
    await context.close();
  }
}, 240_000);

test("a page that is opened while everything is away says so, keeps its place, and comes by itself", async () => {
  const { page, picture, complaints, signIn } = await browser.visit();
  await signIn("customer");
  await shop.system.supervisor.kill("gateway", "SIGKILL");
  await page.goto("/orders");
  await page.getByRole("alert").getByText("does not answer right now").waitFor();
  await picture("away-opened");
  await shop.system.supervisor.restart("gateway");
  await page.locator(".rows .row").first().waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  expect(complaints).toEqual([]);
}, 240_000);

test("an order that cannot be taken now is not lost: the person is told, the cart stays, and the next press places it once", async () => {
  const { page, picture, signIn } = await browser.visit({ viewport: PHONE });
  await signIn("customer2");
  await page
    .getByRole("button", { name: /^Add to cart/ })
    .first()
    .click();
  await page.getByRole("link", { name: /^Cart/ }).click();
  await page.getByLabel("Delivery address").fill("3 Sejong-daero, Jung-gu, Seoul");
  await shop.system.supervisor.kill("order", "SIGKILL");
  await page.getByRole("button", { name: "Place order" }).click();
  await page.getByRole("alert").getByText("does not answer right now").waitFor();
  await picture("away-order");
  expect(await page.locator(".line").count()).toBe(1);
  await shop.system.supervisor.restart("order");
  await page.getByRole("button", { name: "Place order" }).click();
  await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
  expect((await (await shop.logIn("customer2")).listOrders()).items).toHaveLength(1);
}, 240_000);
