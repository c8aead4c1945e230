import { afterAll, beforeAll, expect, test } from "bun:test";
import { DESK, PHONE, startBrowser, type TestBrowser } from "../support/browser.ts";
import { deliveryOf, newProduct, orderBecomes, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
}, 180_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 30_000);

/** Turns what follows round, hides a part, and has a letter that pretends to be a Latin one. */
const tricked = (what: string) => `${what} \u202e000,1\u200b\u2066 p\u0430id`;
const shown = (what: string) => `${what} \\u{202e}000,1\\u{200b}\\u{2066} p\u0430id`;
/** Whatever turns or hides in what a page holds; U+2068 and U+2069 are the pages' own, and always in pairs. */
const HIDDEN_IN_PAGE = `(() => {
  const attributes = Array.from(document.querySelectorAll("*"), (one) => Array.from(one.attributes, ({ value }) => value)).flat(2);
  const text = [document.body.textContent, document.title, ...attributes].join(" ").replace(/\\u2068[^\\u2068\\u2069]*\\u2069/g, "");
  return text.match(/[\\p{Cf}\\u2028\\u2029]/gu) ?? [];
})()`;

test.each([
  { locale: "ko-KR", viewport: PHONE },
  { locale: "en-GB", viewport: DESK },
])(
  "what people wrote is shown harmlessly on every page that shows it: $locale",
  async ({ locale, viewport }) => {
    const name = `trick-${Math.random().toString(36).slice(2, 10)}`;
    const [admin, rider] = [await shop.logIn("admin"), await shop.logIn("rider")];
    const productId = await newProduct(shop, 100);
    await admin.changeProduct(productId, { name: tricked("Jar"), description: tricked("Glazed") });
    await shop.anyone.createUser({ username: name, displayName: tricked("Kim"), password: `${name}-password` });
    const customer = await shop.logIn(name);
    const ordered = { items: [{ productId, quantity: 1 }], deliveryAddress: tricked("1 Sejong-daero") };
    const [order, failed] = [await customer.createOrder(ordered), await customer.createOrder(ordered)];
    for (const { id } of [order, failed]) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
    const { id: failedDelivery } = await deliveryOf(rider, failed.id);
    await rider.claimDelivery(failedDelivery);
    await rider.failDelivery(failedDelivery, { reason: tricked("Dog") });
    await orderBecomes(customer, failed.id, "status", "CANCELLED");
    const { id: sagaId } = (await admin.listSagas({ orderId: failed.id })).items[0] ?? { id: "" };

    const pages: readonly (readonly [string, readonly (readonly [string, string | undefined])[]])[] = [
      [
        name,
        [
          ["/", shown("Jar")],
          ["/orders", undefined],
          [`/orders/${order.id}`, shown("1 Sejong-daero")],
          ["/cart", shown("Jar")],
        ],
      ],
      ["rider", [["/rider", shown("1 Sejong-daero")]]],
      [
        "admin",
        [
          ["/admin/orders", shown("1 Sejong-daero")],
          ["/admin/deliveries", shown("1 Sejong-daero")],
          ["/admin/products", shown("Jar")],
          [`/admin/sagas/${sagaId}`, undefined],
        ],
      ],
    ];
    const found: string[] = [];
    for (const [person, seen] of pages) {
      const { page, signIn, picture } = await browser.visit({ locale, viewport });
      await signIn(person);
      if (person === name) {
        await page.goto("/");
        await page.locator(".product", { hasText: "Jar" }).locator("button.wide").first().click();
        // The name is said in the middle of a sentence.
        await page.locator(".toast").waitFor();
        found.push(...(await page.evaluate<string[]>(HIDDEN_IN_PAGE)));
      }
      for (const [path, text] of seen) {
        await page.goto(path);
        if (text !== undefined) await page.getByText(text).first().waitFor({ state: "attached" });
        else await page.locator(".rows li, .history li").first().waitFor();
        found.push(
          ...(await page.evaluate<string[]>(HIDDEN_IN_PAGE)).map(
            (one) => `${path} ${one.codePointAt(0)?.toString(16)}`,
          ),
        );
        if (text !== undefined) expect([path, await page.locator(".look-alike").count()]).not.toEqual([path, 0]);
        await picture(
          `written-${person === name ? "customer" : person}${path.split("/").slice(0, 3).join("-")}-${locale}`,
        );
      }
      if (person === "admin") {
        await page.goto("/admin/deliveries");
        await page.locator("select").first().selectOption("FAILED");
        await page.getByText(shown("Dog")).first().waitFor();
        await page.goto("/admin/products");
        await page.locator(".product-row", { hasText: "Jar" }).first().locator("button").nth(1).click();
        await page.getByRole("dialog").waitFor();
        found.push(...(await page.evaluate<string[]>(HIDDEN_IN_PAGE)));
      }
    }
    expect(found).toEqual([]);
  },
  120_000,
);
