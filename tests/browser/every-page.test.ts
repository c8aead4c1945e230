import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { eventually } from "@shop/testing/eventually";
import { publish } from "../support/bad-messages.ts";
import { DESK, PHONE, startBrowser, type TestBrowser, type Visitor } from "../support/browser.ts";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  startTestSystem,
  type TestSystem,
  waitingOrder,
} from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;
let stories: Stories;

beforeAll(async () => {
  shop = await startTestSystem();
  browser = await startBrowser(shop.system.frontendUrl);
  stories = await tellStories();
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

interface Stories {
  readonly waiting: string;
  readonly complete: string;
  readonly cancelled: string;
  readonly sagaOfCancelled: string;
}

/** Something of everything that a page can show. */
async function tellStories(): Promise<Stories> {
  const productId = await newProduct(shop, 100);
  const [customer, rider, admin] = [await shop.logIn("customer"), await shop.logIn("rider"), await shop.logIn("admin")];
  // Nobody listens there: what it is to be told waits.
  await admin.createWebhook({
    url: "http://127.0.0.1:9/hooks/orders",
    events: ["delivery.created", "order.completed"],
  });
  const complete = await waitingOrder(shop, productId);
  const { id } = await deliveryOf(rider, complete);
  await rider.claimDelivery(id);
  await rider.completeDelivery(id);
  const cancelled = await waitingOrder(shop, productId);
  await customer.cancelOrder(cancelled);
  await orderBecomes(customer, cancelled, "status", "CANCELLED");
  await orderBecomes(customer, complete, "status", "COMPLETE");
  const mine = await waitingOrder(shop, productId);
  await rider.claimDelivery((await deliveryOf(rider, mine)).id);
  await publish(shop, "product.commands", [
    { key: "k", value: '{"orderId": "달항아리", "items": [{"quantity": 2}]}', headers: { from: "elsewhere" } },
    { key: null, value: Buffer.from([0x80, 0x00, 0xff]) },
    { key: "k", value: null },
  ]);
  await eventually(async () => expect((await admin.listDeadLetters()).items).toHaveLength(3));
  const [saga] = (await admin.listSagas({ orderId: cancelled })).items;
  return { waiting: await waitingOrder(shop, productId), complete, cancelled, sagaOfCancelled: saga?.id ?? "" };
}

interface Seen {
  readonly name: string;
  readonly path: string;
  readonly prepare?: (page: Page) => Promise<void>;
}

const at = (path: string, name = path.replaceAll("/", "-"), prepare?: Seen["prepare"]): Seen => ({
  ...{ name, path },
  ...(prepare === undefined ? {} : { prepare }),
});

/** Every page, by the person who sees it. */
const everyPage = (): readonly (readonly [string | undefined, readonly Seen[]])[] => [
  [
    undefined,
    [
      at("/", "-shop"),
      at("/cart", "-cart-empty"),
      at("/sign-in"),
      at("/sign-up"),
      at("/set-password"),
      at("/nowhere/at/all"),
    ],
  ],
  [
    "customer",
    [
      at("/", "-shop", async (page) => {
        await page.locator(".product button").first().click();
        await page.locator(".product button.wide").first().click();
      }),
      at("/cart"),
      at("/orders"),
      at(`/orders/${stories.waiting}`, "-order-waiting"),
      at(`/orders/${stories.complete}`, "-order-complete"),
      at(`/orders/${stories.cancelled}`, "-order-cancelled", (page) => page.locator(".stage.bad").first().waitFor()),
    ],
  ],
  ["customer2", [at("/account"), at("/orders", "-orders-empty"), at("/admin", "-wrong-role")]],
  [
    "rider",
    [
      at("/rider"),
      at("/rider", "-rider-mine", (page) => page.locator(".segments button").nth(1).click()),
      at("/rider", "-rider-fail", async (page) => {
        await page.locator(".segments button").nth(1).click();
        await page.locator(".delivery .danger").first().click();
      }),
      at("/rider", "-rider-done", (page) => page.locator(".segments button").nth(2).click()),
    ],
  ],
  ["rider2", [at("/rider", "-rider-empty", (page) => page.locator(".segments button").nth(1).click())]],
  [
    "admin",
    [
      at("/admin"),
      at("/admin", "-admin-empty", async (page) => {
        await page.locator("select").first().selectOption("STUCK");
        await page.locator(".empty").waitFor();
      }),
      at(`/admin/sagas/${stories.sagaOfCancelled}`, "-admin-saga"),
      at("/admin/orders"),
      at(`/admin/orders/${stories.waiting}`, "-admin-order", (page) => page.locator(".why").waitFor()),
      at("/admin/deliveries"),
      at("/admin/products"),
      at("/admin/products", "-admin-products-new", (page) => page.locator("button.primary").click()),
      at("/admin/dead-letters", "-admin-dead-letters", async (page) => {
        await page.locator("details.dead-letter > summary").last().click();
        await page.locator("details.dead-letter .actions button").last().click();
        await page.locator(".dead-letter-body .notice").waitFor();
      }),
      at("/admin/webhooks", "-admin-webhooks", async (page) => {
        await page.locator(".webhook-row .button").first().click();
        await page.locator(".webhook-deliveries .row").first().waitFor();
      }),
      at("/admin/webhooks", "-admin-webhooks-new", (page) => page.locator("button.primary").first().click()),
      at("/admin/users"),
      at("/admin/users", "-admin-users-edit", (page) => page.locator(".user-row .button").last().click()),
      at("/admin/audit", "-admin-audit", async (page) => {
        await page.locator(".audit-entry summary").first().click();
        await page.locator(".audit-entry[open] .facts-list").waitFor();
      }),
      at("/admin/health", "-admin-health", (page) => page.locator(".process").first().waitFor()),
    ],
  ],
];

// Each pair of language, colours and screen is among these.
const variants = [
  { locale: "ko-KR", colorScheme: "light", viewport: PHONE },
  { locale: "en-GB", colorScheme: "dark", viewport: DESK },
  { locale: "ko-KR", colorScheme: "dark", viewport: DESK },
  { locale: "en-GB", colorScheme: "light", viewport: PHONE },
] as const;

/** What is wrong with what is seen, in words. */
async function findingsOf({ page, accessibilityFindings }: Visitor, width: number): Promise<readonly string[]> {
  const needed = await page.evaluate<number>("document.documentElement.scrollWidth");
  const tooWide = needed > width ? [`it is ${needed} px wide`] : [];
  return [...(await accessibilityFindings()), ...tooWide];
}

test.each(variants)(
  "axe finds nothing serious on any page, and nothing is wider than the screen: %o",
  async (variant) => {
    const findings: string[] = [];
    for (const [person, pages] of everyPage()) {
      const visitor = await browser.visit(variant);
      const { page } = visitor;
      if (person !== undefined) await visitor.signIn(person);
      for (const { name, path, prepare } of pages) {
        await page.goto(path);
        await page.locator("main h1, main .empty").first().waitFor();
        await page.locator(".skeleton").first().waitFor({ state: "detached" });
        await prepare?.(page);
        const { width } = variant.viewport;
        await visitor.picture(`${person ?? "visitor"}${name}-${variant.locale}-${variant.colorScheme}-${width}`);
        findings.push(...(await findingsOf(visitor, width)).map((finding) => `${person} ${name} ${finding}`));
      }
      findings.push(...visitor.complaints);
      await visitor.context.close();
    }
    expect(findings).toEqual([]);
  },
  600_000,
);
