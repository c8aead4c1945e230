import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isProblem, ProblemError } from "@shop/client/problem-error";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { DESK, PHONE, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { deliveryAddress, newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let admin: Shop;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  admin = await shop.logIn("admin");
}, 180_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 30_000);

let named = 0;
/** A product with a name of its own. */
async function product(stock: number, price: number): Promise<{ readonly id: string; readonly name: string }> {
  named += 1;
  const name = `Thing ${named} of its own`;
  const id = await newProduct(shop, stock, price);
  await admin.changeProduct(id, { name });
  return { id, name };
}

/** Waits until the order service's copy of the catalogue has this price; undefined: until it knows that the product is withdrawn. */
async function isPricedAt(id: string, price: number | undefined): Promise<void> {
  const customer = await shop.logIn("customer2");
  await eventually(
    async () => {
      const order = { items: [{ productId: id, quantity: 1 }], deliveryAddress, expectedTotal: 1 };
      const error: unknown = await customer.createOrder(order).catch((reason: unknown) => reason);
      if (price === undefined) return expect(isProblem(error, "UNKNOWN_PRODUCT")).toBe(true);
      if (!(error instanceof ProblemError) || error.problem.code !== "PRICE_CHANGED") throw error;
      expect(error.problem.total).toBe(price);
    },
    { deadlineMs: 60_000 },
  );
}

interface Shopper extends Visitor {
  readonly customer: Shop;
}

/** A customer with these things in their cart, one of each, in front of it. */
async function shopper(things: readonly { readonly name: string }[], options = {}): Promise<Shopper> {
  const visitor = await browser.visit(options);
  const name = `changes-${Math.random().toString(36).slice(2, 10)}`;
  await shop.anyone.createUser({ username: name, password: `${name}-password` });
  await visitor.signIn(name);
  await visitor.page.goto("/");
  for (const thing of things) await visitor.page.locator(".product", { hasText: thing.name }).locator("button").click();
  await visitor.page.locator("nav.menu a[href='/cart']").click();
  await visitor.page.locator("input[name=deliveryAddress]").fill("1 Sejong-daero, Jung-gu, Seoul");
  const customer = await shop.logIn(name);
  return { ...visitor, customer };
}

const ordersOf = async ({ customer }: Shopper) => (await customer.listOrders()).items;

describe("what has changed since a cart was shown", () => {
  test.each([
    {
      locale: "ko-KR",
      viewport: PHONE,
      order: "주문하기",
      title: "장바구니에 달라진 것이 있습니다",
      accept: "₩18,000에 주문하기",
      seen: true,
    },
    {
      locale: "en-GB",
      viewport: DESK,
      order: "Place order",
      title: "Your cart has changed",
      accept: "Order for ₩18,000",
      seen: false,
    },
  ])(
    "a price is shown, old and new, and asked for before anything is ordered: $locale, noticed by the page: $seen",
    async ({ seen, ...one }) => {
      const thing = await product(10, 2_000);
      const visitor = await shopper([thing], { locale: one.locale, viewport: one.viewport });
      const { page } = visitor;
      await page.locator(".sum", { hasText: "₩2,000" }).waitFor();
      await admin.changeProduct(thing.id, { price: 18_000 });
      await isPricedAt(thing.id, 18_000);
      // Else it is the shop that refuses the order.
      if (!seen) await page.route("**/api/products/*", (route) => route.abort());
      await page.getByRole("button", { name: one.order }).click();
      const dialog = page.getByRole("dialog", { name: one.title });
      await dialog.locator("del", { hasText: "₩2,000" }).first().waitFor();
      await dialog.locator("ins", { hasText: "₩18,000" }).waitFor();
      await visitor.picture(`changes-price-${one.locale}`);
      expect(await visitor.accessibilityFindings()).toEqual([]);
      expect(await ordersOf(visitor)).toEqual([]);
      await dialog.getByRole("button", { name: one.accept }).click();
      await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
      expect((await ordersOf(visitor)).map(({ total }) => total)).toEqual([18_000]);
      expect(visitor.complaints).toEqual([]);
    },
    120_000,
  );

  test("that is refused leaves nothing ordered, and the cart shows what it costs now beside what it did", async () => {
    const thing = await product(10, 2_000);
    const visitor = await shopper([thing]);
    const { page } = visitor;
    await admin.changeProduct(thing.id, { price: 1_500 });
    await isPricedAt(thing.id, 1_500);
    await page.getByRole("button", { name: "Place order" }).click();
    await page.getByRole("button", { name: "Back to the cart" }).click();
    await page.locator(".line del", { hasText: "₩2,000" }).waitFor();
    await page.locator(".sum", { hasText: "₩1,500" }).waitFor();
    await visitor.picture("changes-refused");
    expect(await ordersOf(visitor)).toEqual([]);
    // The new price was seen: there is nothing more to ask.
    await page.getByRole("button", { name: "Place order" }).click();
    await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
    expect((await ordersOf(visitor)).map(({ total }) => total)).toEqual([1_500]);
  }, 120_000);

  test.each([
    { locale: "ko-KR", viewport: PHONE, order: "주문하기", accept: "₩9,000에 주문하기" },
    { locale: "en-GB", viewport: DESK, order: "Place order", accept: "Order for ₩9,000" },
  ])(
    "things that were withdrawn, are sold out or are too few are named, and the rest is ordered without them: $locale",
    async ({ locale, viewport, order, accept }) => {
      const things = [
        await product(5, 1_000),
        await product(5, 2_000),
        await product(5, 3_000),
        await product(5, 3_000),
      ] as const;
      const [withdrawn, soldOut, few, kept] = things;
      const visitor = await shopper(things, { locale, viewport });
      const { page } = visitor;
      const more = page.locator(".line", { hasText: few.name }).locator(".stepper button").last();
      for (let count = 0; count < 3; count += 1) await more.click();
      await page.locator(".sum", { hasText: "₩18,000" }).waitFor();
      await admin.withdrawProduct(withdrawn.id);
      await admin.changeStock(soldOut.id, { delta: -5 });
      await admin.changeStock(few.id, { delta: -3 });
      await page.getByRole("button", { name: order }).click();
      const changed = page.getByRole("dialog").locator(".bought li");
      await changed.nth(2).waitFor();
      expect(
        await changed
          .locator(":scope > span")
          .evaluateAll((all) => all.map(({ firstChild }) => firstChild?.textContent)),
      ).toEqual([...[withdrawn.name, soldOut.name, few.name]]);
      await visitor.picture(`changes-gone-${locale}`);
      await page.getByRole("button", { name: accept }).click();
      await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
      const [placed] = await ordersOf(visitor);
      expect(placed?.items.map(({ productId, quantity }) => [productId, quantity])).toEqual([
        [few.id, 2],
        [kept.id, 1],
      ]);
    },
    120_000,
  );

  test("and the only thing that is not on sale any more leaves an empty cart, also when the shop says so only then", async () => {
    const thing = await product(5, 1_000);
    const visitor = await shopper([thing]);
    const { page } = visitor;
    await admin.withdrawProduct(thing.id);
    await isPricedAt(thing.id, undefined);
    await page.route("**/api/products/*", (route) => route.abort());
    await page.getByRole("button", { name: "Place order" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Not on sale any more; it is removed.").waitFor();
    await dialog.getByRole("button", { name: "Empty the cart" }).click();
    await page.getByText("Your cart is empty.").waitFor();
    expect(await ordersOf(visitor)).toEqual([]);
  }, 90_000);

  test("is not an order whose answer was lost: changed and sent again it is told to have been placed, and placed anew when that is meant", async () => {
    const thing = await product(10, 2_000);
    const visitor = await shopper([thing]);
    const { page } = visitor;
    await page.route("**/api/orders", async (route) => {
      await route.fetch();
      await route.abort();
    });
    await page.getByRole("button", { name: "Place order" }).click();
    await page.getByText("the same order is never placed twice").waitFor();
    await page.unroute("**/api/orders");
    await page.locator(".line .stepper button").last().click();
    await page.getByRole("button", { name: "Place order" }).click();
    await page.getByText("An order from this cart was already placed, with other contents.").waitFor();
    expect(await ordersOf(visitor)).toHaveLength(1);
    await page.getByRole("button", { name: "Place order" }).click();
    await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
    expect((await ordersOf(visitor)).map(({ total }) => total)).toEqual([4_000, 2_000]);
  }, 90_000);
});

describe("two operators at one product", () => {
  const rowOf = ({ page }: Visitor, name: string) => page.locator(".product-row", { hasText: name });

  async function operator(options = {}): Promise<Visitor> {
    const visitor = await browser.visit(options);
    await visitor.signIn("admin");
    await visitor.page.goto("/admin/products");
    return visitor;
  }

  test.each([
    { locale: "ko-KR", viewport: PHONE, edit: "고치기", save: "저장", keep: "내 내용으로 저장하기" },
    { locale: "en-GB", viewport: DESK, edit: "Edit", save: "Save", keep: "Save mine over it" },
  ])(
    "the second is shown what the first has changed, and reverts no other field of it: $locale",
    async (one) => {
      const { id, name } = await product(5, 2_000);
      const visitor = await operator({ locale: one.locale, viewport: one.viewport });
      const { page } = visitor;
      await rowOf(visitor, name).getByRole("button", { name: one.edit }).click();
      const dialog = page.getByRole("dialog");
      await dialog.locator("input[type=number]").fill("2500");
      await admin.changeProduct(id, { price: 1_800, description: "Glazed twice" });
      await dialog.getByRole("button", { name: one.save, exact: true }).click();
      const told = dialog.locator(".meanwhile");
      await told.locator("ins", { hasText: "Glazed twice" }).waitFor();
      await told.locator("del", { hasText: "₩2,000" }).waitFor();
      await told.locator("ins", { hasText: "₩1,800" }).waitFor();
      await told.locator("small", { hasText: "₩2,500" }).waitFor();
      await visitor.picture(`changes-operators-${one.locale}`);
      expect(await visitor.accessibilityFindings()).toEqual([]);
      expect(await shop.anyone.getProduct(id)).toMatchObject({ price: 1_800 });
      await dialog.getByRole("button", { name: one.keep }).click();
      await dialog.waitFor({ state: "detached" });
      expect(await shop.anyone.getProduct(id)).toMatchObject({ name, price: 2_500, description: "Glazed twice" });
      expect(visitor.complaints).toEqual([]);
    },
    90_000,
  );

  test("the second may take what the first has made of it, and go on from there", async () => {
    const { id, name } = await product(5, 2_000);
    const visitor = await operator();
    await rowOf(visitor, name).getByRole("button", { name: "Edit" }).click();
    const dialog = visitor.page.getByRole("dialog");
    await dialog.getByLabel("Price in won").fill("2500");
    await admin.changeProduct(id, { price: 1_800 });
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await dialog.getByRole("button", { name: "Use theirs" }).click();
    expect(await dialog.getByLabel("Price in won").inputValue()).toBe("1800");
    await dialog.getByLabel("Description").fill("Glazed once");
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await shop.anyone.getProduct(id)).toMatchObject({ price: 1_800, description: "Glazed once" });
  }, 90_000);

  test.each([
    { ask: "Withdraw", button: "Withdraw", again: "Withdraw it all the same" },
    { ask: "Stock", button: "Save", again: "Save it all the same" },
  ])(
    "the second is asked again before they change a product that is not what they saw: $ask",
    async ({ ask, button, again }) => {
      const { id, name } = await product(5, 2_000);
      const visitor = await operator();
      await rowOf(visitor, name).getByRole("button", { name: ask }).click();
      const dialog = visitor.page.getByRole("dialog");
      if (ask === "Stock") await dialog.locator("input").fill("10");
      await admin.changeProduct(id, { price: 1_800 });
      await dialog.getByRole("button", { name: button, exact: true }).click();
      await dialog.locator(".meanwhile ins", { hasText: "₩1,800" }).waitFor();
      expect(await shop.anyone.getProduct(id)).toMatchObject({ price: 1_800, stock: 5 });
      await visitor.picture(`changes-${ask}`);
      await dialog.getByRole("button", { name: again }).click();
      await dialog.waitFor({ state: "detached" });
      const now: unknown = await shop.anyone.getProduct(id).catch((reason: unknown) => reason);
      if (ask === "Stock") expect(now).toMatchObject({ stock: 15 });
      else expect(isProblem(now, "NOT_FOUND")).toBe(true);
    },
    90_000,
  );
});
