import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { PHONE, shortId, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { newProduct, orderBecomes, startTestSystem, type TestSystem, waitingOrder } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  productId = await newProduct(shop, 100);
}, 180_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 30_000);

const cardOf = ({ page }: Visitor, orderId: string) => page.locator(".delivery", { hasText: shortId(orderId) });

describe("a rider on a phone", () => {
  test("takes a waiting delivery and hands it over, with targets large enough for a thumb and nothing wider than the screen", async () => {
    const orderId = await waitingOrder(shop, productId);
    const visitor = await browser.visit({ viewport: PHONE, hasTouch: true, isMobile: true });
    await visitor.signIn("rider");
    const card = cardOf(visitor, orderId);
    const take = card.getByRole("button", { name: "Take it" });
    await take.waitFor({ timeout: 20_000 });
    expect((await take.boundingBox())?.height).toBeGreaterThanOrEqual(48);
    const width = await visitor.page.evaluate<number>("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(PHONE.width);
    await take.tap();
    await visitor.picture("rider-mine");
    await card.getByRole("button", { name: "Handed over" }).tap();
    await orderBecomes(await shop.logIn("customer"), orderId, "status", "COMPLETE");
    await visitor.page.getByRole("button", { name: "Done" }).tap();
    await card.waitFor({ timeout: 20_000 });
    expect(visitor.complaints).toEqual([]);
  }, 90_000);

  test("reports with a reason what cannot be delivered, and the order is taken back", async () => {
    const orderId = await waitingOrder(shop, productId);
    const visitor = await browser.visit({ viewport: PHONE, hasTouch: true, isMobile: true });
    await visitor.signIn("rider2");
    const card = cardOf(visitor, orderId);
    await card.getByRole("button", { name: "Take it" }).tap({ timeout: 20_000 });
    await card.getByRole("button", { name: "Could not deliver" }).tap();
    await visitor.page.getByLabel("The parcel was refused").check();
    await visitor.picture("rider-fail");
    await visitor.page.getByRole("button", { name: "Report it" }).tap();
    const order = await orderBecomes(await shop.logIn("customer"), orderId, "status", "CANCELLED");
    expect(order.cancelReason).toBe("DELIVERY_FAILED");
  }, 90_000);
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
});
