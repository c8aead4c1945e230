import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Locator } from "playwright-core";
import { PHONE, shortId, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { newProduct, orderBecomes, startTestSystem, type TestSystem, waitingOrder } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  productId = await newProduct(shop, 100);
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

const cardOf = ({ page }: Visitor, orderId: string) => page.locator(".delivery", { hasText: shortId(orderId) });

describe("a rider on a phone", () => {
  test("takes a waiting delivery and hands it over, with targets large enough for a thumb and nothing wider than the screen", async () => {
    const orderId = await waitingOrder(shop, productId);
    const visitor = await browser.visit({ viewport: PHONE, hasTouch: true, isMobile: true });
    await visitor.signIn("rider");
    const card = cardOf(visitor, orderId);
    const take = card.getByRole("button", { name: "Take it" });
    await take.waitFor();
    expect((await take.boundingBox())?.height).toBeGreaterThanOrEqual(48);
    const width = await visitor.page.evaluate<number>("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(PHONE.width);
    await take.tap();
    await visitor.picture("rider-mine");
    await card.getByRole("button", { name: "Handed over" }).tap();
    await orderBecomes(await shop.logIn("customer"), orderId, "status", "COMPLETE");
    await visitor.page.getByRole("button", { name: "Done" }).tap();
    await card.waitFor();
    expect(visitor.complaints).toEqual([]);
  }, 240_000);

  test("reports with a reason what cannot be delivered, and the order is cancelled", async () => {
    const orderId = await waitingOrder(shop, productId);
    const visitor = await browser.visit({ viewport: PHONE, hasTouch: true, isMobile: true });
    await visitor.signIn("rider2");
    const card = cardOf(visitor, orderId);
    await card.getByRole("button", { name: "Take it" }).tap();
    await card.getByRole("button", { name: "Could not deliver" }).tap();
    await visitor.page.getByLabel("The parcel was refused").check();
    await visitor.picture("rider-fail");
    await visitor.page.getByRole("button", { name: "Report it" }).tap();
    const order = await orderBecomes(await shop.logIn("customer"), orderId, "status", "CANCELLED");
    expect(order.cancelReason).toBe("DELIVERY_FAILED");
  }, 240_000);
});

describe("for everybody", () => {
  test("the pages speak the browser's language, and the other one when asked, also next time", async () => {
    const visitor = await browser.visit({ locale: "ko-KR" });
    const { page } = visitor;
    await page.goto("/");
    await page.getByRole("heading", { name: "손으로 빚은 것을, 오늘 문 앞까지" }).waitFor();
    await page.getByRole("button", { name: "View in English" }).click();
    await page.getByRole("heading", { name: "Made by hand, at your door today" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Made by hand, at your door today" }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
  });

  test("a customer who has only a keyboard orders, and cancels", async () => {
    const visitor = await browser.visit();
    const { page } = visitor;
    const press = (key: string) => page.keyboard.press(key);
    const focused = () => page.locator(":focus");
    /** Goes on from where the focus is, until it is there. */
    async function tabUntil(there: Locator, name: string): Promise<void> {
      for (let count = 0; count < 60; count += 1) {
        await press("Tab");
        if ((await there.count()) > 0) return;
      }
      throw new Error(`60 times Tab did not reach ${name}`);
    }
    const tabTo = (name: string) =>
      tabUntil(page.locator(":focus", { hasText: name }).or(page.locator(`:focus[aria-label^="${name}"]`)), name);

    await visitor.signIn("customer");
    await page.goto("/");
    await page
      .getByRole("button", { name: /^Add to cart/ })
      .first()
      .waitFor();
    await press("Tab");
    expect(await focused().textContent()).toBe("Skip to content");
    await press("Enter");
    await tabTo("Add to cart");
    await press("Enter");
    // The button has become a quantity, and the keyboard is there.
    expect(await focused().getAttribute("aria-label")).toBe("One more");
    await press("Enter");
    await page.getByRole("link", { name: "Cart 2" }).waitFor();
    await page.getByRole("link", { name: "Cart 2" }).focus();
    await press("Enter");
    await page.getByLabel("Delivery address").waitFor();
    await tabUntil(page.locator(":focus[name=deliveryAddress]"), "the address");
    await page.keyboard.type("4 Sejong-daero, Jung-gu, Seoul");
    await press("Enter");
    await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
    await page.locator(".stage.now", { hasText: "Waiting for a rider" }).waitFor();
    await tabTo("Cancel this order");
    await press("Enter");
    await page.getByRole("dialog", { name: "Cancel this order?" }).waitFor();
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await focused().textContent()).toBe("Cancel this order");
    await press("Enter");
    await tabTo("Yes, cancel it");
    await press("Enter");
    await page.locator(".page-head .pill", { hasText: "Cancelled" }).waitFor();
    expect(visitor.complaints).toEqual([]);
  }, 240_000);
});
