import { afterAll, beforeAll, expect, test } from "bun:test";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { tokenOf } from "../support/requests.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

const PHONE = { width: 390, height: 844 };
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

test.each(["frontend", "gateway"] as const)(
  "a reader of /docs at the %s pastes a token and tries a call, under a policy that refuses nothing the page needs",
  async (hop) => {
    const baseURL = hop === "frontend" ? shop.system.frontendUrl : shop.system.gatewayUrl;
    const { page, complaints, picture, context } = await browser.visit({ baseURL });
    await page.goto("/docs");
    await page.getByRole("heading", { name: "Order and delivery" }).waitFor();
    await picture(`docs-${hop}`);

    await page.getByRole("button", { name: "Authorize" }).click();
    await page.locator(".auth-container input").fill(await tokenOf(baseURL, "customer"));
    await page.locator(".auth-btn-wrapper button[type=submit]").click();
    await page.locator(".btn-done").click();
    const call = page.locator("#operations-user-getMe");
    await call.locator(".opblock-summary-control").click();
    await call.getByRole("button", { name: "Try it out" }).click();
    await call.getByRole("button", { name: "Execute" }).click();
    const answer = call.locator(".live-responses-table .response");
    await answer.locator(".response-col_status", { hasText: "200" }).waitFor();
    expect(await answer.textContent()).toContain('"username": "customer"');
    expect(complaints).toEqual([]);
    await context.close();
  },
  240_000,
);

test("/docs on a phone is no wider than the screen, also with a call open, and dark where the phone is", async () => {
  const { page, complaints, picture, context } = await browser.visit({ viewport: PHONE, colorScheme: "dark" });
  await page.goto("/docs");
  await page.locator("#operations-order-createOrder .opblock-summary-control").click();
  await page.locator("#operations-order-createOrder .responses-table").waitFor();
  expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(PHONE.width);
  expect(await page.evaluate<boolean>("document.documentElement.classList.contains('dark-mode')")).toBe(true);
  await picture("docs-phone");
  expect(complaints).toEqual([]);
  await context.close();
}, 240_000);

test.each([
  ["desk", { width: 1440, height: 900 }, "light"],
  ["phone", PHONE, "dark"],
] as const)(
  "/docs/messages on a %s shows a message with its example, without scripts and without barriers",
  async (name, viewport, colorScheme) => {
    const { page, complaints, picture, accessibilityFindings, context } = await browser.visit({
      viewport,
      colorScheme,
    });
    await page.goto("/docs/messages#ProductDecreased");
    await page.getByText("Example of ProductDecreased").click();
    await page.getByText("urn:order-delivery:ProductDecreased:1").waitFor();
    expect(await page.evaluate<number>("document.scripts.length")).toBe(0);
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBe(viewport.width);
    await picture(`docs-messages-${name}`);
    expect(await accessibilityFindings()).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  },
  240_000,
);
