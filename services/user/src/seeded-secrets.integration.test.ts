import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { TokenPair } from "@shop/contracts/http/user";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createStandalone } from "@shop/service/create-service";
import type { ServiceRuntime } from "@shop/service/process";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import { failingDriver, failingEach, foundSecrets, seeded, statementFaults } from "@shop/testing/seeded-secrets";
import { createUserService } from "./service.ts";

const metrics = createMetrics();
const clock = new ManualClock(Date.now());
const { logger, lines } = capturedLogger();
let database: TestDatabase;
let failing: Awaited<ReturnType<typeof failingDriver>>;
let service: ServiceRuntime;
/** Tokens that were given out. */
const tokens: string[] = [];
/** What callers were told of failures. */
const problems: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ service: "user" });
  failing = await failingDriver(database.url);
  service = createStandalone(createUserService({ tokenIssuer: "https://shop.test", tokenAudience: "shop" }), {
    ...{ databaseUrl: database.url, driver: failing.driver },
    ...{ migrateAtStart: true, seedDemoData: false, identity, clock, ids: uuidV7, logger, metrics },
  });
  service.start();
  await eventually(async () => expect((await service.ready()).ready).toBe(true));
}, 120_000);
afterAll(async () => {
  await service.stop();
  await database.drop();
});
afterEach(async () => {
  const written = { lines, problems, metrics: await metrics.expose(), ready: await service.ready() };
  expect(
    foundSecrets(
      written,
      [...tokens, new URL(database.url).password].filter((each) => each !== ""),
    ),
  ).toEqual([]);
});

async function post(path: string, body: object): Promise<Response> {
  const response = await service.app.request(path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": seeded("key"),
      cookie: `session=${seeded("cookie")}`,
    },
    body: JSON.stringify(body),
  });
  if (response.status >= 400) problems.push(await response.clone().text());
  return response;
}

const password = seeded("password");
let people = 0;
const newName = () => seeded(`n${(people += 1)}`);

async function loggedIn(username: string): Promise<TokenPair | undefined> {
  const response = await post("/login", { username, password });
  if (response.status !== 200) return undefined;
  const pair = (await response.json()) as TokenPair;
  tokens.push(pair.accessToken, pair.refreshToken);
  return pair;
}

test("a sign-up whose statement fails in any way writes no name, password or hash anywhere", async () => {
  // It is one statement, so `failingEach` would let few of the faults happen.
  for (const fault of statementFaults) {
    failing.failAt(1, fault);
    await post("/api/users", { username: newName(), password, displayName: seeded("display name") });
    expect([fault, failing.hasFailed()]).toEqual([fault, true]);
  }
  failing.failAt(Infinity, "killed");
  expect(problems).toHaveLength(statementFaults.length);
  // The drivers' errors did reach the log.
  const reported = lines.filter(({ level }) => level === "warn" || level === "error");
  expect(reported.length).toBeGreaterThanOrEqual(statementFaults.length);
}, 120_000);

test("logins, exchanges and logouts of which each statement fails write no token, password or name anywhere", async () => {
  const username = newName();
  expect((await post("/api/users", { username, password })).status).toBe(201);
  expect(await failingEach(failing, () => loggedIn(username))).toBeGreaterThanOrEqual(6);
  expect(
    await failingEach(failing, () => post("/login", { username: newName(), password: seeded("guess 1") })),
  ).toBeGreaterThanOrEqual(3);
  await failingEach(failing, async () => {
    const pair = await loggedIn(username);
    if (pair === undefined) return;
    const exchanged = await post("/login/refresh", { refreshToken: pair.refreshToken });
    if (exchanged.ok) tokens.push(((await exchanged.json()) as TokenPair).refreshToken);
    const me = await service.app.request("/api/users/me", { headers: { authorization: `Bearer ${pair.accessToken}` } });
    if (!me.ok) problems.push(await me.text());
    await post("/logout", { refreshToken: pair.refreshToken });
  });
}, 120_000);

test("what cannot be parsed, breaks the schema or comes with a bad token is told without what was sent", async () => {
  const headers = { "content-type": "application/json", authorization: `Bearer ${seeded("token")}` };
  for (const body of [
    `{"password": "${seeded("a")}`,
    `{"username": 1, "password": ["${seeded("b")}"]}`,
    `"${seeded("c")}"`,
  ]) {
    const response = await service.app.request("/api/users", { method: "POST", headers, body });
    problems.push(await response.text());
  }
  const refused = await service.app.request("/api/users/me", { headers });
  problems.push(await refused.text());
  expect(problems.slice(-4).map((text) => (JSON.parse(text) as { status: number }).status)).toEqual([
    400, 422, 422, 401,
  ]);
});

test("housekeeping of which each statement fails writes no key of tokens anywhere", async () => {
  await failingEach(failing, async () => {
    await clock.advance(10_000);
    await clock.advance(60_000);
    await eventually(() => expect(clock.sleeperCount).toBeGreaterThan(0));
  });
  expect(lines.map(({ message }) => message)).toContain("housekeeping failed; retrying in ten seconds, or in a minute");
}, 120_000);
