import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { Secret, TOTP } from "otpauth";
import { publish, withoutReservations } from "../support/bad-messages.ts";
import { shortId, startBrowser, type TestBrowser } from "../support/browser.ts";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  placeOrder,
  startTestSystem,
  type TestSystem,
  waitingOrder,
} from "../support/test-system.ts";

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

test("finds an order, sees its saga as a picture with its messages, and cancels it", async () => {
  const orderId = await waitingOrder(shop, productId);
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
  await page.locator(".page-head .pill", { hasText: "Cancelled" }).waitFor();
  expect(await page.locator(".lane.back .lane-step.past").count()).toBe(3);
  await visitor.picture("operator-saga-cancelled");
  expect(visitor.complaints).toEqual([]);
}, 240_000);

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
}, 240_000);

test("sees which part does not answer while it is away, and the rest goes on", async () => {
  const visitor = await browser.visit();
  await visitor.signIn("admin");
  await shop.system.supervisor.kill("product", "SIGKILL");
  await visitor.page.getByRole("link", { name: "Products" }).click();
  await visitor.page.getByText("does not answer right now").waitFor();
  await visitor.picture("operator-product-away");
  await visitor.page.getByRole("link", { name: "Orders" }).click();
  await visitor.page.locator(".rows a.row").first().click();
  await visitor.page.locator(".why .bad-text", { hasText: "does not answer" }).waitFor();
  await visitor.picture("operator-why-product-away");
  await shop.system.supervisor.restart("product");
  await visitor.page.getByRole("link", { name: "Products" }).click();
  await visitor.page.locator(".product-row").first().waitFor();
}, 240_000);

test("sees who carries what, and gives a delivery whose rider does not come to the others", async () => {
  const orderId = await waitingOrder(shop, productId);
  const rider = await shop.logIn("rider");
  await rider.claimDelivery((await deliveryOf(rider, orderId)).id);
  const visitor = await browser.visit();
  await visitor.signIn("admin");
  await visitor.page.getByRole("link", { name: "Deliveries" }).click();
  const row = visitor.page.locator(".product-row", { hasText: shortId(orderId) });
  await row.getByText("On its way").waitFor();
  await visitor.picture("operator-deliveries");
  await row.getByRole("button", { name: "Give to others" }).click();
  await row.getByText("Open", { exact: true }).waitFor();
  expect((await deliveryOf(rider, orderId)).riderId).toBeNull();
  await row.getByRole("link", { name: /^Open its order/ }).click();
  await visitor.page.getByText("It waits for a rider to claim its delivery.").waitFor();
  await visitor.page.locator(".lane-step.now", { hasText: "Wait for rider" }).waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("finds an order by the number that its customer tells, and comes to its saga", async () => {
  const orderId = await waitingOrder(shop, productId);
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.getByRole("link", { name: "Orders" }).click();
  await page.getByLabel("Number, address or goods").fill(shortId(orderId));
  await page.getByRole("link", { name: shortId(orderId) }).waitFor();
  expect(await page.locator(".rows .row").count()).toBe(1);
  await page.getByRole("link", { name: shortId(orderId) }).click();
  await page.getByRole("heading", { name: `Order ${shortId(orderId)}` }).waitFor();
  await page.getByRole("link", { name: "Its dead letters" }).click();
  await page.getByText("No message is like that").waitFor();
  await page.getByRole("button", { name: /^Key …/ }).waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("searches orders on the server, and has what is found as a file", async () => {
  const orderId = await waitingOrder(shop, productId);
  await (await shop.logIn("admin")).cancelOrder(orderId);
  await orderBecomes(await shop.logIn("customer"), orderId, "status", "CANCELLED");
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.getByRole("link", { name: "Orders" }).click();
  await page.getByLabel("Reason").selectOption("CANCELLED_BY_ADMIN");
  await page.getByLabel("Since").selectOption("hour");
  await page.getByRole("link", { name: shortId(orderId) }).waitFor();
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV", exact: true }).click(),
  ]);
  const text = await Bun.file(await file.path()).text();
  expect(text).toStartWith("id,customerId,status,");
  expect(text).toContain(orderId);
  await visitor.picture("operator-orders-searched");
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("counts what a filter finds before it is retried, and sees how far that is", async () => {
  const orderId = await waitingOrder(shop, productId);
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.getByLabel("Step").selectOption("WAIT_FOR_RIDER");
  await page.getByRole("link", { name: new RegExp(`Order ${shortId(orderId)}`) }).waitFor();
  await page.getByRole("button", { name: "Retry all" }).click();
  await page.getByText(/Retry all: \d+ are meant/).waitFor();
  await visitor.picture("operator-bulk-counted");
  await page.getByRole("button", { name: /^Do it for/ }).click();
  await page.getByText(/^Done: /).waitFor();
  await visitor.picture("operator-bulk-done");
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("is told of a message that could not be handled, reads it, tries it without effect, and handles it", async () => {
  const customer = await shop.logIn("customer");
  const admin = await shop.logIn("admin");
  let orderId = "";
  await withoutReservations(shop, async () => {
    orderId = (await placeOrder(customer, productId, 1)).id;
    // The saga hears no answer and sends its command again, which then waits behind the first one; on a slow machine it has done so several times.
    await eventually(async () => {
      const { items } = await admin.listDeadLetters({ service: "product", key: orderId });
      expect(new Set(items.map(({ cause }) => cause))).toEqual(new Set(["PARKED", "HANDLER_FAILED"]));
    });
  });
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.getByRole("link", { name: /^Dead letters \d+ need/ }).click();
  await page.getByLabel("Service").selectOption("product");
  const deadLetter = page.locator("details.dead-letter", { hasText: "DecreaseProductCommand" });
  await deadLetter.getByText(/(1 waits|\d+ wait) behind it/).waitFor();
  await deadLetter.locator("summary").click();
  await deadLetter.getByText('"subject": "').waitFor();
  expect(await deadLetter.getByRole("button", { name: "Handle it now" }).count()).toBe(0);
  await deadLetter.getByRole("button", { name: "Try it without effect" }).click();
  await deadLetter.getByText("The dry run succeeded").waitFor();
  await visitor.picture("operator-dead-letter");
  await deadLetter.getByRole("button", { name: "Handle it now" }).click();
  await page.getByText(/^It is handled\. With it (one|\d+) that waited behind it\.$/).waitFor();
  await deadLetter.waitFor({ state: "detached" });
  await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER");
  await page.getByLabel("State").selectOption("handled");
  await deadLetter.first().locator("summary").click();
  await deadLetter.first().getByText("Handled on").waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("handles all messages of a cause at once, after having seen what would come of it", async () => {
  const customer = await shop.logIn("customer");
  const admin = await shop.logIn("admin");
  const orderIds: string[] = [];
  await withoutReservations(shop, async () => {
    for (const quantity of [1, 2]) orderIds.push((await placeOrder(customer, productId, quantity)).id);
    await eventually(async () => {
      const { items } = await admin.listDeadLetters({ cause: "HANDLER_FAILED" });
      expect(items.map(({ key }) => key)).toEqual(expect.arrayContaining(orderIds));
    });
  });
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.goto("/admin/dead-letters");
  await page.getByLabel("Cause").selectOption("HANDLER_FAILED");
  await page.getByRole("button", { name: "Try all without effect" }).click();
  await page.getByText("This would come of it:").waitFor();
  // Besides the two there is what their sagas have sent again by now, which waits behind them.
  const [handled, ...others] = await page.locator(".outcomes li").allInnerTexts();
  expect([handled, others]).toEqual([expect.stringMatching(/^\d+ handled$/), []]);
  expect(Number.parseInt(handled ?? "", 10)).toBeGreaterThanOrEqual(2);
  await visitor.picture("operator-dead-letters-many");
  await page.getByRole("button", { name: "Handle all that can be" }).click();
  await page.getByText("No message is like that").waitFor();
  for (const id of orderIds) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("sees every character of a message, and none of them as markup", async () => {
  const value = `{"a": "<img src=x onerror=alert(1)>\u202e"`;
  await publish(shop, "delivery.commands", [
    { key: "somebody", value, headers: { note: "<b>bold</b>" } },
    { key: "somebody", value: Buffer.from([0x80, 0x00, 0xff]) },
  ]);
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.goto("/admin/dead-letters");
  await page.getByLabel("Cause").selectOption("NOT_JSON");
  const deadLetters = page.locator("details.dead-letter", { hasText: "Without a type" });
  await eventually(async () => expect(await deadLetters.count()).toBe(2));
  for (const index of [0, 1]) await deadLetters.nth(index).locator("summary").click();
  await deadLetters.getByText('{"a": "<img src=x onerror=alert(1)>\\u{202e}"').waitFor();
  await deadLetters.getByText("<b>bold</b>").waitFor();
  await deadLetters.getByText("It is not text; shown as Base64.").waitFor();
  await deadLetters.getByText("gAD/").waitFor();
  await deadLetters.first().getByRole("button", { name: "Try it without effect" }).click();
  await deadLetters.getByText("It still cannot be read.").waitFor();
  expect(await deadLetters.getByRole("button", { name: "Handle it now" }).count()).toBe(0);
  await visitor.picture("operator-dead-letters-unreadable");
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("sees on one page how every process is, and which one is away until it is back", async () => {
  const visitor = await browser.visit();
  const { page } = visitor;
  await visitor.signIn("admin");
  await page.getByRole("link", { name: /^Health/ }).click();
  await eventually(async () => expect(await page.locator(".process.good").count()).toBe(7));
  await publish(shop, "delivery.commands", [{ key: "somebody", value: "{" }]);
  await page.locator("header .pill.bad", { hasText: "Everything runs, but something needs you" }).waitFor();
  await visitor.picture("operator-health");
  await shop.system.supervisor.kill("delivery", "SIGKILL");
  await page.locator(".process.bad", { hasText: "Delivery" }).getByText("No answer").waitFor();
  await page.getByRole("link", { name: /^Health \d+ need/ }).waitFor();
  await visitor.picture("operator-health-away");
  await shop.system.supervisor.restart("delivery");
  await page.locator(".process.bad").waitFor({ state: "detached" });
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("invites a rider, who sets a password with the code, sees where they are signed in and signs out everywhere", async () => {
  const operator = await browser.visit();
  await operator.signIn("admin");
  await operator.page.getByRole("link", { name: "Users" }).click();
  await operator.page.getByRole("button", { name: "Invite somebody" }).click();
  await operator.page.locator("dialog").getByLabel("Name", { exact: true }).fill("new.rider");
  await operator.page.locator("dialog").getByRole("button", { name: "Invite somebody" }).click();
  const code = await operator.page.locator(".one-time-code code").textContent();
  await operator.picture("operator-code");
  await operator.page.getByRole("button", { name: "Handed over" }).click();
  const row = operator.page.locator(".user-row", { hasText: "new.rider" });
  await row.getByText("Invited").waitFor();

  const rider = await browser.visit();
  await rider.page.goto("/sign-in");
  await rider.page.getByRole("link", { name: "You have a one-time code?" }).click();
  await rider.page.getByLabel("Name", { exact: true }).fill("new.rider");
  await rider.page.getByLabel("One-time code").fill(String(code).toLowerCase());
  await rider.page.getByLabel("New password").fill("password123");
  await rider.page.getByRole("button", { name: "Set your password" }).click();
  await rider.page.getByText("This password is known from leaks").waitFor();
  await rider.page.getByLabel("New password").fill("four words and a lamp");
  await rider.page.getByRole("button", { name: "Set your password" }).click();
  await rider.page.getByRole("heading", { name: "Deliveries" }).waitFor();

  await rider.page.getByRole("link", { name: "My account" }).click();
  await rider.page.locator(".session-row").getByText("This one").waitFor();
  const form = rider.page.getByRole("region", { name: "Change the password" });
  await form.getByLabel("Current password").fill("not this one");
  await form.getByLabel("New password").fill("five words and two lamps");
  await form.getByRole("button", { name: "Change the password" }).click();
  await rider.page.getByText("The current password is wrong.").waitFor();
  await form.getByLabel("Current password").fill("four words and a lamp");
  await form.getByRole("button", { name: "Change the password" }).click();
  await rider.page.getByText("The password is changed").waitFor();
  await rider.picture("my-account");

  await row.getByRole("button", { name: /^Change/ }).click();
  await operator.page.getByLabel("Disabled: cannot sign in").check();
  await operator.page.getByRole("button", { name: "Save" }).click();
  await row.getByText("Disabled").waitFor();
  await row.getByRole("button", { name: /^Change/ }).click();
  await operator.page.getByLabel("Disabled: cannot sign in").uncheck();
  await operator.page.getByRole("button", { name: "Save" }).click();

  await rider.page.getByRole("button", { name: "Sign out everywhere" }).click();
  await rider.page.locator("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await rider.page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect([...operator.complaints, ...rider.complaints]).toEqual([]);
}, 240_000);

test("finds in the audit trail who changed a price, with the price before and after and the address", async () => {
  const admin = await shop.logIn("admin");
  const { price } = await admin.getProduct(productId);
  await admin.changeProduct(productId, { price: price + 500 });
  const visitor = await browser.visit();
  await visitor.signIn("admin");
  const { page } = visitor;
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByLabel("Act", { exact: true }).selectOption({ label: "Changed a product" });
  await page.getByLabel("Done to").fill(productId);
  const entry = page.locator(".audit-entry");
  await entry.filter({ hasText: "127.0.0.1" }).locator("summary").click();
  await entry.getByRole("group", { name: "Before" }).getByText(`"price": ${price},`).waitFor();
  await entry
    .getByRole("group", { name: "After" })
    .getByText(`"price": ${price + 500},`)
    .waitFor();
  await visitor.picture("operator-audit");
  await page.getByLabel("Act", { exact: true }).selectOption({ label: "Withdrew a product" });
  await page.getByText("No entry is like that.").waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);

test("lets people set up an authenticator app, asks for its code at the sign-in, and takes a recovery code in its place", async () => {
  const visitor = await browser.visit();
  const { page } = visitor;
  await page.goto("/sign-up");
  await page.getByLabel("Name", { exact: true }).fill("careful");
  await page.getByLabel("Password", { exact: true }).fill("four words and a lamp");
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByRole("link", { name: "My account" }).click();
  const app = page.locator("section", { has: page.getByRole("heading", { name: "Authenticator app" }) });
  await app.getByLabel("Current password").fill("four words and a lamp");
  await app.getByRole("button", { name: "Set it up" }).click();
  const secret = Secret.fromBase32(String(await app.locator(".app-secret").textContent()).replaceAll(" ", ""));
  await app.getByLabel("Code of the app").fill("000000");
  await app.getByRole("button", { name: "Switch it on" }).click();
  await app.getByText("The code is wrong, or was used").waitFor();
  await app.getByLabel("Code of the app").fill(new TOTP({ secret }).generate());
  await app.getByRole("button", { name: "Switch it on" }).click();
  await app.getByText("each for one sign-in").waitFor();
  const recoveryCode = await app.locator(".app-secret").first().textContent();
  await visitor.picture("my-account-app");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("link", { name: "Sign in" }).waitFor();

  await page.goto("/sign-in");
  await page.getByLabel("Name", { exact: true }).fill("careful");
  await page.getByLabel("Password", { exact: true }).fill("four words and a lamp");
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Code of the app").fill(String(recoveryCode).toLowerCase());
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "My account" }).click();
  await page.getByText("Recovery codes left: 9").waitFor();
  expect(visitor.complaints).toEqual([]);
}, 240_000);
