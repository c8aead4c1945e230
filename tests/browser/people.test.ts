import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { newProduct, orderBecomes, placeOrder, startTestSystem, type TestSystem } from "../support/test-system.ts";

const PHONE = { width: 390, height: 844 };
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

/** An order that waits for a rider. */
async function waitingOrder(): Promise<string> {
  const customer = await shop.logIn("customer");
  const orderId = (await placeOrder(customer, productId, 1)).id;
  await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER");
  return orderId;
}

const shortId = (id: string) => id.slice(-6).toUpperCase();
const cardOf = ({ page }: Visitor, orderId: string) => page.locator(".delivery", { hasText: shortId(orderId) });

describe("a rider on a phone", () => {
  test("takes a waiting delivery and hands it over, with targets large enough for a thumb and nothing wider than the screen", async () => {
    const orderId = await waitingOrder();
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
    const orderId = await waitingOrder();
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

describe("an operator", () => {
  test("finds an order, sees its saga as a picture with its messages, and takes it back", async () => {
    const orderId = await waitingOrder();
    const visitor = await browser.visit();
    await visitor.signIn("admin");
    const { page } = visitor;
    await page.getByLabel("Step").selectOption("WAIT_FOR_RIDER");
    await page.getByRole("link", { name: new RegExp(`Order ${shortId(orderId)}`) }).click();
    await page.locator(".lane-step.now", { hasText: "Wait for rider" }).waitFor();
    expect(await page.locator(".lane-step.past").count()).toBe(2);
    await page.locator(".history").getByText("ProductDecreased").waitFor();
    await visitor.picture("operator-saga");
    await page.getByRole("button", { name: "Cancel the order" }).click();
    await page.getByRole("button", { name: "Yes, cancel it" }).click();
    await page.locator(".page-head .pill", { hasText: "Cancelled" }).waitFor({ timeout: 20_000 });
    expect(await page.locator(".lane.back .lane-step.past").count()).toBe(3);
    await visitor.picture("operator-saga-cancelled");
    expect(visitor.complaints).toEqual([]);
  }, 90_000);

  test("puts a product on sale, changes its price and its stock, and withdraws it", async () => {
    const visitor = await browser.visit();
    await visitor.signIn("admin");
    const { page } = visitor;
    await page.getByRole("link", { name: "Products" }).click();
    await page.getByRole("button", { name: "New product" }).click();
    await page.getByLabel("Name").fill("Persimmon Vinegar");
    await page.getByLabel("Price in won").fill("15000");
    await page.getByLabel("Stock").fill("3");
    await page.getByRole("button", { name: "Save" }).click();
    const row = page.locator(".product-row", { hasText: "Persimmon Vinegar" });
    await row.getByText("3 in stock").waitFor();
    await row.getByRole("button", { name: "Stock" }).click();
    await page.getByLabel("Change of the stock").fill("-5");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The stock cannot go below 0").waitFor();
    await page.getByLabel("Change of the stock").fill("7");
    await page.getByRole("button", { name: "Save" }).click();
    await row.getByText("10 in stock").waitFor();
    await row.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("Price in won").fill("12500");
    await page.getByRole("button", { name: "Save" }).click();
    await row.getByText("₩12,500").waitFor();
    await visitor.picture("operator-products");
    await row.getByRole("button", { name: "Withdraw" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
    await row.waitFor({ state: "detached" });
    expect(visitor.complaints).toEqual([]);
  }, 90_000);

  test("sees which part does not answer while it is away, and the rest goes on", async () => {
    const visitor = await browser.visit();
    await visitor.signIn("admin");
    await shop.system.supervisor.kill("product", "SIGKILL");
    await visitor.page.getByRole("link", { name: "Products" }).click();
    await visitor.page.getByText("does not answer right now").waitFor();
    await visitor.picture("operator-product-away");
    await visitor.page.getByRole("link", { name: "Orders" }).click();
    await visitor.page.locator("button.row").first().waitFor();
    await shop.system.supervisor.restart("product");
    await visitor.page.getByRole("link", { name: "Products" }).click();
    await visitor.page.locator(".product-row").first().waitFor();
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

  const variants = [
    { locale: "ko-KR", colorScheme: "light", viewport: PHONE },
    { locale: "en-GB", colorScheme: "dark", viewport: { width: 1440, height: 900 } },
  ] as const;
  const pages = [
    [undefined, ["/", "/sign-in", "/sign-up"]],
    ["customer", ["/cart", "/orders"]],
    ["rider", ["/rider"]],
    ["admin", ["/admin", "/admin/orders", "/admin/products"]],
  ] as const;

  test.each(variants)(
    "axe finds nothing serious on any page: %o",
    async (variant) => {
      await waitingOrder();
      const findings: string[] = [];
      for (const [person, paths] of pages) {
        const visitor = await browser.visit(variant);
        if (person !== undefined) await visitor.signIn(person);
        for (const path of paths) {
          await visitor.page.goto(path);
          await visitor.page.locator("main h1").waitFor();
          await visitor.page.waitForLoadState("networkidle");
          await visitor.picture(
            `${person ?? "visitor"}${path.replaceAll("/", "-")}-${variant.locale}-${variant.colorScheme}`,
          );
          findings.push(...(await visitor.accessibilityFindings()).map((finding) => `${path} ${finding}`));
        }
        await visitor.context.close();
      }
      expect(findings).toEqual([]);
    },
    120_000,
  );
});
