import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { BrowserContext, Page } from "playwright-core";
import { eventually } from "@shop/testing/eventually";
import { DESK, PHONE, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

/** All that a tab holds: what it shows, what is typed into it, and what the browser has stored for its scripts. */
const HELD = `(async () => JSON.stringify([
  document.documentElement.outerHTML, document.title, document.cookie, location.href, history.state,
  Array.from(document.querySelectorAll("input, textarea"), ({ value }) => value),
  { ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys(),
]))()`;

async function heldBy(context: BrowserContext): Promise<string> {
  return (await Promise.all(context.pages().map((page) => page.evaluate<string>(HELD)))).join("\n");
}

/** A person whose every trace can be told. */
async function somebody(): Promise<{
  readonly username: string;
  readonly displayName: string;
  readonly traces: RegExp;
}> {
  const mark = Math.random().toString(36).slice(2, 10);
  const [username, displayName] = [`person-${mark}`, `Name ${mark}`];
  const body = JSON.stringify({ username, displayName, password: `${username}-password` });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${shop.system.frontendUrl}/api/users`, { method: "POST", headers, body });
  const { id } = (await response.json()) as { id: string };
  return { username, displayName, traces: new RegExp(`${mark}|${id}`) };
}

const addressOf = ({ username }: { readonly username: string }) => `1 Street of ${username}`;

async function fillCart(page: Page): Promise<void> {
  await page.goto("/");
  await page.getByRole("button", { name: "Add to cart: Yakgwa" }).click();
}

async function order({ page }: Visitor, address: string): Promise<void> {
  await fillCart(page);
  await page.getByRole("link", { name: /^Cart/ }).click();
  await page.getByLabel("Delivery address").fill(address);
  await page.getByRole("button", { name: "Place order" }).click();
  await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
}

/** Has ordered, and in a second tab has typed an address that is not sent yet. */
async function atWork(visitor: Visitor, person: Awaited<ReturnType<typeof somebody>>): Promise<Page> {
  await visitor.signIn(person.username);
  await order(visitor, addressOf(person));
  await fillCart(visitor.page);
  await visitor.page.goto("/orders");
  const other = await visitor.context.newPage();
  await other.goto("/cart");
  expect(await other.getByLabel("Delivery address").inputValue()).toBe(addressOf(person));
  await other.getByLabel("Delivery address").fill(`another one of ${person.username}`);
  expect(await heldBy(visitor.context)).toMatch(person.traces);
  return other;
}

const holdsNothingOf = ({ traces }: { readonly traces: RegExp }, context: BrowserContext) =>
  eventually(async () => expect(await heldBy(context)).not.toMatch(traces));

describe("what a person typed, or that tells who they are, leaves the browser", () => {
  test("when they sign out, from all tabs, at once and also on the way back and after a reload", async () => {
    const [person, next] = [await somebody(), await somebody()];
    const visitor = await browser.visit();
    const other = await atWork(visitor, person);
    await visitor.page.getByRole("button", { name: "Sign out" }).click();
    await visitor.page.getByText("Your cart stays in this browser.").waitFor();
    await holdsNothingOf(person, visitor.context);
    await other.getByText("This cart stays in this browser").waitFor();
    await visitor.page.goBack();
    await other.reload();
    await holdsNothingOf(person, visitor.context);

    await visitor.signIn(next.username);
    await other.getByLabel("Delivery address").waitFor();
    expect(await other.getByLabel("Delivery address").inputValue()).toBe("");
    expect(await heldBy(visitor.context)).not.toMatch(person.traces);
    await other.getByRole("button", { name: "Empty the cart" }).click();
    await other.getByText("Your cart is empty.").waitFor();
    expect(visitor.complaints).toEqual([]);
  }, 240_000);

  test("when they sign out while the shop does not answer the other tabs", async () => {
    const person = await somebody();
    const visitor = await browser.visit();
    const other = await atWork(visitor, person);
    await other.route("**/api/**", (route) => route.abort());
    await visitor.page.getByRole("button", { name: "Sign out" }).click();
    await holdsNothingOf(person, visitor.context);
  }, 240_000);

  test("when their session ends elsewhere", async () => {
    const person = await somebody();
    const visitor = await browser.visit();
    await atWork(visitor, person);
    await visitor.context.clearCookies({ name: "session" });
    await visitor.page.getByText("Your session has ended. Sign in again.").first().waitFor();
    const [, other] = visitor.context.pages();
    await other?.getByRole("button", { name: "Place order" }).click();
    await holdsNothingOf(person, visitor.context);
  }, 240_000);

  test("when somebody else signs in without their having signed out", async () => {
    const [person, next] = [await somebody(), await somebody()];
    const visitor = await browser.visit();
    const other = await atWork(visitor, person);
    await visitor.signIn(next.username);
    await other.getByText(next.displayName).waitFor();
    await holdsNothingOf(person, visitor.context);
    expect(await other.getByLabel("Delivery address").inputValue()).toBe("");
  }, 240_000);

  test("when nobody is signed in any more at their next visit, with what earlier releases have stored", async () => {
    const person = await somebody();
    const visitor = await browser.visit();
    await (await atWork(visitor, person)).close();
    await visitor.page.goto("/openapi.json");
    await visitor.context.clearCookies({ name: "session" });
    const earlier = { address: addressOf(person), attempt: { key: "k", body: addressOf(person) } };
    await visitor.page.evaluate(
      `for (const [key, value] of Object.entries(${JSON.stringify(earlier)})) localStorage.setItem(key, JSON.stringify(value))`,
    );
    await visitor.page.goto("/sign-in");
    await visitor.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await holdsNothingOf(person, visitor.context);
  }, 240_000);

  test("and stays for them otherwise: the next order has the last one's address", async () => {
    const person = await somebody();
    const visitor = await browser.visit();
    await visitor.signIn(person.username);
    await order(visitor, addressOf(person));
    await fillCart(visitor.page);
    await visitor.page.goto("/cart");
    await visitor.page.reload();
    await visitor.page.getByLabel("Delivery address").waitFor();
    expect(await visitor.page.getByLabel("Delivery address").inputValue()).toBe(addressOf(person));
  }, 240_000);
});

describe("what another release or another program has stored", () => {
  const product = { id: "01939e6a-7c00-7000-8000-000000000010", name: "Jar", price: 1, currency: "KRW", stock: 1 };
  const junk: readonly string[] = [
    ...["", "{", "null", "1e999", '"cart"', "true", "{}", "[]", "[null]", "[[]]", '{"items":[{"sku":"a","qty":2}]}'],
    ...["[{}]", '[{"product":null}]', `[{"product":${JSON.stringify(product)}}]`, '[{"id":"a","quantity":1}]'],
    JSON.stringify([{ product: { ...product, currency: "??" }, quantity: 2 }]),
    JSON.stringify([{ product: { ...product, price: Number.MAX_VALUE }, quantity: 1e300 }]),
    JSON.stringify([{ product: { ...product, name: { en: "Jar" } }, quantity: [1] }]),
    JSON.stringify(
      Array.from({ length: 5_000 }, () => ({ product: { ...product, id: crypto.randomUUID() }, quantity: -1 })),
    ),
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  ];

  test("makes no page white, whatever it is", async () => {
    const { page, complaints, signIn, context } = await browser.visit();
    await signIn("customer");
    for (const [index, value] of junk.entries()) {
      await page.goto("/openapi.json");
      await page.evaluate(
        `for (const key of ["cart", "person", "order-key", "address", "attempt", "session-changed-at"]) localStorage.setItem(key, ${JSON.stringify(value)})`,
      );
      await page.goto(index % 2 === 0 ? "/cart" : "/");
      await page.getByRole("heading", { level: 1 }).waitFor();
      expect([value.slice(0, 60), await page.getByRole("alert").count()]).toEqual([value.slice(0, 60), 0]);
    }
    // While a page is shown, by another tab.
    const other = await context.newPage();
    await other.goto("/cart");
    await other.getByText("Your cart is empty.").waitFor();
    for (const value of junk) {
      await page.evaluate(`localStorage.setItem("cart", ${JSON.stringify(value)})`);
      await other.getByRole("heading", { name: "Cart" }).waitFor();
    }
    // And it does not get in the way of an order.
    await fillCart(page);
    await page.goto("/cart");
    await page.getByLabel("Delivery address").fill("1 Sejong-daero, Jung-gu, Seoul");
    await page.getByRole("button", { name: "Place order" }).click();
    await page.waitForURL(/\/orders\/[0-9a-f-]+$/);
    expect(complaints).toEqual([]);
  }, 240_000);

  test.each([
    {
      locale: "ko-KR",
      viewport: PHONE,
      title: "이 페이지를 표시할 수 없습니다",
      clear: "저장된 내용을 지우고 계속하기",
    },
    { locale: "en-GB", viewport: DESK, title: "This page could not be shown", clear: "Clear stored data and go on" },
  ])(
    "and a page that cannot be shown says so and helps: $locale",
    async ({ locale, viewport, title, clear }) => {
      const { page, picture, accessibilityFindings, complaints } = await browser.visit({ locale, viewport });
      const broken = { items: [{ ...product, description: "", currency: "??", version: 1 }], nextCursor: null };
      await page.route("**/api/products?*", (route) => route.fulfill({ json: broken }));
      await page.goto("/sign-in");
      await page.evaluate(`localStorage.setItem("from-another-release", "1")`);
      await page.goto("/");
      await page.getByRole("heading", { name: title }).waitFor();
      await picture(`storage-failed-${locale}`);
      expect(await accessibilityFindings()).toEqual([]);
      // The menu is still there, and other pages are.
      await page.locator("nav.menu a").nth(1).click();
      await page.waitForURL(/\/cart$/);
      await page.locator(".empty a.button").waitFor();
      await page.locator("nav.menu a").first().click();
      await page.getByRole("heading", { name: title }).waitFor();
      await page.unroute("**/api/products?*");
      await page.getByRole("button", { name: clear }).click();
      await page.locator(".product button").first().waitFor();
      expect(await page.evaluate<number>("localStorage.length")).toBe(0);
      expect(complaints.join()).toContain("currency");
    },
    60_000,
  );
});
