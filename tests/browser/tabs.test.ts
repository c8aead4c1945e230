import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { eventually } from "@shop/testing/eventually";
import { startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { deliveryOf, newProduct, startTestSystem, type TestSystem, waitingOrder } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let productId: string;

/** More than a browser opens connections to one host over HTTP/1.1, which is six. */
const TABS = 9;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  productId = await newProduct(shop, 100);
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

const live = (page: Page) => page.getByText("Live", { exact: true });

async function openTabs({ context }: Visitor, orderIds: readonly string[]): Promise<readonly Page[]> {
  const tabs: Page[] = [];
  for (const orderId of orderIds) {
    const tab = await context.newPage();
    await tab.goto(`/orders/${orderId}`);
    await tab.locator(".stage.now", { hasText: "Waiting for a rider" }).waitFor();
    tabs.push(tab);
  }
  return tabs;
}

/** How many of the tabs have their news as they happen. */
async function liveOnes(tabs: readonly Page[]): Promise<readonly Page[]> {
  const states = await Promise.all(tabs.map((tab) => live(tab).count()));
  return tabs.filter((_, index) => states[index] !== 0);
}

/** Tells the tab that it is hidden, or seen again: a browser without windows shows all of its tabs. */
async function show(tab: Page, isSeen: boolean): Promise<void> {
  await tab.evaluate(`{
    Object.defineProperty(document, "hidden", { configurable: true, get: () => ${!isSeen} });
    document.dispatchEvent(new Event("visibilitychange"));
  }`);
}

test("nine orders open in nine tabs: each shows its order's end, calls go through, and a closed tab's stream goes to another", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  const orderIds = await Promise.all(Array.from({ length: TABS }, () => waitingOrder(shop, productId)));
  const tabs = await openTabs(visitor, orderIds);
  await eventually(async () => expect(await liveOnes(tabs)).toHaveLength(3));
  // The last one can do all that the first one can.
  await tabs.at(-1)?.getByRole("link", { name: "My orders" }).click();
  await tabs
    .at(-1)
    ?.locator(".row")
    .nth(TABS - 1)
    .waitFor();
  await tabs.at(-1)?.goBack();

  const [first] = await liveOnes(tabs);
  const others = tabs.filter((tab) => tab !== first);
  await first?.close();
  await eventually(async () => expect(await liveOnes(others)).toHaveLength(3));

  const rider = await shop.logIn("rider");
  for (const orderId of orderIds) await rider.completeDelivery((await deliveryOf(rider, orderId)).id);
  for (const tab of others) await tab.locator(".page-head .pill", { hasText: "Complete" }).waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("one order in nine tabs is shown in all of them", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  const orderId = await waitingOrder(shop, productId);
  const tabs = await openTabs(
    visitor,
    Array.from({ length: TABS }, () => orderId),
  );
  await tabs.at(-1)?.getByRole("button", { name: "Cancel this order" }).click();
  await tabs.at(-1)?.getByRole("button", { name: "Yes, cancel it" }).click();
  for (const tab of tabs) await tab.locator(".page-head .pill", { hasText: "Cancelled" }).waitFor();
}, 240_000);

test("a tab that is hidden lets its stream go, and goes on after the last event when it is seen again", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("customer");
  const orderId = await waitingOrder(shop, productId);
  const [tab] = await openTabs(visitor, [orderId]);
  if (tab === undefined) throw new Error("there is no tab");
  await live(tab).waitFor();
  const asked: (string | undefined)[] = [];
  const isStream = (url: string) => url.endsWith("/events");
  tab.on("request", (request) => {
    if (isStream(request.url())) asked.push(request.headers()["last-event-id"]);
  });
  const letGo = tab.waitForEvent("requestfailed", (request) => isStream(request.url()));
  await show(tab, false);
  await letGo;
  const rider = await shop.logIn("rider");
  await rider.completeDelivery((await deliveryOf(rider, orderId)).id);
  await show(tab, true);
  await tab.locator(".page-head .pill", { hasText: "Complete" }).waitFor();
  await tab.locator(".stage time").nth(4).waitFor();
  expect(asked).toHaveLength(1);
  expect(Number(asked[0])).toBeGreaterThanOrEqual(3);
  expect(visitor.complaints).toEqual([]);
}, 240_000);
