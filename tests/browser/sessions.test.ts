import { afterAll, beforeAll, expect, test } from "bun:test";
import { startBrowser, type TestBrowser } from "../support/browser.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let browser: TestBrowser;

beforeAll(async () => {
  shop = await startTestSystem({ replicas: { frontend: 2 } });
  browser = await startBrowser(shop.system.frontendUrl);
}, 180_000);
afterAll(async () => {
  await browser.stop();
  await shop.stop();
}, 30_000);

const refreshTokenOf = (cookie: string) => cookie.split(".", 1)[0];

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

  // The session lives on with the new token, and the old one is worth nothing: it ends the session for whoever brings it.
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
