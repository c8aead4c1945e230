import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { newProduct, startTestSystem, type TestSystem, waitingOrder } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;

beforeAll(async () => {
  shop = await startTestSystem({ replicas: { frontend: 2 } });
  browser = await startBrowser(shop.system.frontendUrl);
}, 240_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 240_000);

/** Behind it are the time of the access token's end and the three parts of that token. */
const refreshTokenOf = (cookie: string) => cookie.split(".").slice(0, -4).join(".");

test("many requests at once with an ended access token, through two frontends, go on in one session", async () => {
  const { page, context, signIn } = await browser.visit();
  await signIn("customer2");
  const cookie = (await context.cookies()).find(({ name }) => name === "session")?.value ?? "";
  const ended = `session=${cookie.replace(/\.\d+\./, ".0.")}`;
  const frontends = shop.system.services.frontend.replicas.map(({ url }) => url);
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      fetch(`${frontends[index % frontends.length]}/api/users/me`, { headers: { cookie: ended } }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const renewed = answers.map((answer) => /session=(?<value>[^;]+)/.exec(answer.headers.get("set-cookie") ?? ""));
  const tokens = new Set(renewed.map((match) => refreshTokenOf(match?.groups?.["value"] ?? "")));
  expect(tokens.size).toBe(1);
  expect([...tokens]).not.toEqual([refreshTokenOf(cookie)]);

  // The session lives on with the new token, and the old one is worth nothing: it ends the session for anyone who brings it.
  const [value = ""] = renewed.map((match) => match?.groups?.["value"]);
  await context.addCookies([{ name: "session", value, url: shop.system.frontendUrl }]);
  await page.goto("/orders");
  await page.getByRole("heading", { name: "My orders" }).waitFor();
  const refreshToken = refreshTokenOf(cookie);
  const stolen = await fetch(`${shop.system.frontendUrl}/login/refresh`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
  });
  expect(stolen.status).toBe(401);
  const after = await fetch(`${frontends[0]}/api/users/me`, {
    headers: { cookie: `session=${value.replace(/\.\d+\./, ".0.")}` },
  });
  expect(after.status).toBe(401);
});

test("all tabs of a browser are one session: who leaves in one has left in all, and who comes is there in all", async () => {
  const { page, context, signIn, complaints } = await browser.visit();
  await signIn("customer");
  const other = await context.newPage();
  await other.goto("/cart");
  await other.getByRole("button", { name: "Sign out" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await other.getByRole("link", { name: "Sign in" }).waitFor();
  await signIn("rider");
  await other.getByText("Demo rider").waitFor();
  expect(complaints).toEqual([]);
});

test("a session that was ended elsewhere: the page says so, asks to sign in, and then is where it was", async () => {
  const { page, context, signIn, picture, complaints } = await browser.visit();
  await signIn("customer");
  await page.goto("/orders");
  await page.getByRole("heading", { name: "My orders" }).waitFor();
  const { value = "" } = (await context.cookies()).find(({ name }) => name === "session") ?? {};
  const refreshToken = refreshTokenOf(value);
  await fetch(`${shop.system.frontendUrl}/logout`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
  });
  // Its access token lives out its minutes: as if they were over.
  await context.addCookies([
    { name: "session", value: value.replace(/\.\d+\./, ".0."), url: shop.system.frontendUrl, httpOnly: true },
  ]);
  await page.locator(".account").getByText("Your session has ended. Sign in again.").waitFor();
  await picture("session-ended");
  expect((await context.cookies()).map(({ name }) => name)).not.toContain("session");
  await page.getByLabel("Name", { exact: true }).fill("customer");
  await page.getByLabel("Password", { exact: true }).fill("customer-password");
  await page.locator("form button.primary").click();
  await page.getByRole("heading", { name: "My orders" }).waitFor();
  expect(complaints).toEqual([]);
}, 240_000);

test("a script that somebody slips into a page does not run, and no other site's page may hold ours", async () => {
  const { page, context, complaints } = await browser.visit();
  await page.goto("/");
  await page
    .evaluate(`{
    const script = document.createElement("script");
    script.setAttribute("data-text", "x");
    script.append("globalThis.slippedIn = true");
    document.body.append(script);
  }`)
    .catch((error: unknown) => error);
  expect(await page.evaluate("globalThis.slippedIn")).toBeUndefined();
  expect(complaints.join("\n")).toMatch(/Content Security Policy|TrustedScript/);
  const elsewhere = await context.newPage();
  await elsewhere.setContent(`<iframe src="${shop.system.frontendUrl}/"></iframe>`);
  const [frame] = elsewhere.frames().slice(1);
  await eventually(() => expect(frame?.url()).toBe("chrome-error://chromewebdata/"));
});

describe("another site", () => {
  /** On another host name, and so another site, where the shop's is an address. */
  const elsewhere = () => {
    const { hostname } = new URL(shop.system.frontendUrl);
    return hostname === "localhost" ? "127.0.0.1" : "localhost";
  };
  let site: ReturnType<typeof Bun.serve>;
  let orderId: string;
  beforeAll(async () => {
    site = Bun.serve({
      port: 0,
      hostname: elsewhere(),
      fetch: () => new Response(`<a href="${shop.system.frontendUrl}/orders/${orderId}">Your order</a>`, html),
    });
    orderId = await waitingOrder(shop, await newProduct(shop, 10));
  }, 240_000);
  afterAll(() => site.stop(true));
  const html = { headers: { "content-type": "text/html" } };
  const siteUrl = () => `http://${elsewhere()}:${site.port}`;

  test("may link to an order: it is shown to who is signed in, also after a reload, and no cookie came with the link", async () => {
    const { page, signIn, picture, complaints } = await browser.visit();
    await signIn("customer");
    for (const target of ["_self", "_blank"]) {
      await page.goto(siteUrl());
      await page.evaluate(`document.querySelector("a").target = "${target}"`);
      const opened = target === "_self" ? Promise.resolve(page) : page.waitForEvent("popup");
      const asked = page.context().waitForEvent("request", (request) => request.isNavigationRequest());
      await page.getByRole("link", { name: "Your order" }).click();
      expect((await (await asked).allHeaders())["cookie"] ?? "").not.toContain("session=");
      const shown = await opened;
      await shown.locator(".page-head").getByText("Waiting for a rider").waitFor();
      await shown.reload();
      await shown.locator(".page-head").getByText("Waiting for a rider").waitFor();
      await picture(`sessions-linked${target}`, shown);
    }
    expect(complaints).toEqual([]);
  }, 240_000);

  test("may link to an order of who is not signed in: they are asked to, without being told that a session has ended", async () => {
    const { page } = await browser.visit();
    await page.goto(siteUrl());
    await page.getByRole("link", { name: "Your order" }).click();
    await page.getByText("Sign in to go on.").waitFor();
  });

  test.each([
    ["another site", elsewhere],
    ["another port of the same host", () => new URL(shop.system.frontendUrl).hostname],
  ])(
    "can change nothing with a visitor's session, and neither sign them in nor out: %s",
    async (_what, host) => {
      const attacker = Bun.serve({ port: 0, hostname: host(), fetch: () => new Response("<p>prizes</p>", html) });
      const { page, context, signIn } = await browser.visit();
      await signIn("customer");
      const [before] = await context.cookies();
      await page.goto(`http://${host()}:${attacker.port}`);
      const target = JSON.stringify(shop.system.frontendUrl);
      const answers = await page.evaluate<readonly string[]>(`(async () => {
        const order = { items: [], deliveryAddress: "x" };
        const login = { username: "rider", password: "rider-password" };
        const tries = [
          ["POST", "/api/orders", order], ["POST", "/api/orders/${orderId}/cancel", {}], ["POST", "/session", login],
          ["DELETE", "/session"], ["PUT", "/api/orders/${orderId}"], ["GET", "/api/orders/${orderId}"], ["HEAD", "/api/orders/${orderId}"],
        ];
        const seen = [];
        for (const [method, path, body] of tries) for (const mode of ["cors", "no-cors"]) {
          const options = { method, mode, credentials: "include" };
          if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { "content-type": mode === "cors" ? "application/json" : "text/plain" } });
          seen.push(await fetch(${target} + path, options).then(({ status, type }) => type + status, () => "refused"));
        }
        return seen;
      })()`);
      // What the page is given is either nothing, or an answer that it cannot look into.
      expect(answers.filter((answer) => answer !== "refused" && answer !== "opaque0")).toEqual([]);
      for (const [method, path, enctype] of [
        ["POST", `/api/orders/${orderId}/cancel`, "text/plain"],
        ["POST", "/session", "text/plain"],
        ["GET", `/api/orders/${orderId}/cancel`, "application/x-www-form-urlencoded"],
      ] as const) {
        await page.goto(`http://${host()}:${attacker.port}`);
        await page.evaluate(`{
          const form = document.createElement("form");
          Object.assign(form, { method: "${method}", action: ${target} + "${path}", enctype: "${enctype}" });
          const field = document.createElement("input");
          Object.assign(field, { name: '{"username":"rider","password":"rider-password","x":"', value: '"}' });
          form.append(field);
          document.body.append(form);
          form.submit();
        }`);
        await page.waitForURL(`**${path}*`);
      }
      expect((await context.cookies()).find(({ name }) => name === "session")?.value).toBe(before?.value ?? "");
      const order = await (await shop.logIn("customer")).getOrder(orderId);
      expect([order.status, order.progress]).toEqual(["PENDING", "WAITING_FOR_RIDER"]);
      await attacker.stop(true);
    },
    60_000,
  );
});
