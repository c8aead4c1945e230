import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { Kafka, logLevel } from "kafkajs";
import { type Received, send, tokenOf } from "../support/requests.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

/** Names, passwords, sessions, tokens and limits of calls, and what is answered while a service is unavailable: by the contract's words. */
const PASSWORD = "a sentence nobody guesses";
const RATE_PER_SECOND = 100;

/** None of them as it is by default. */
const SETTINGS = {
  ...{ TOKEN_ISSUER: "https://issuer.example", TOKEN_AUDIENCE: "audience.example" },
  ...{ COOKIES_SECURE: "true", KAFKA_PARTITIONS: "2" },
};

let shop: TestSystem;
let url: string;

beforeAll(async () => {
  shop = await startTestSystem({ settings: { ...SETTINGS, RATE_LIMIT_PER_USER_PER_SECOND: String(RATE_PER_SECOND) } });
  url = shop.system.frontendUrl;
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

const newName = () => `guest-${crypto.randomUUID().slice(0, 20)}`;
const post = (path: string, json: unknown) => send(url, { method: "POST", path, json });
const signUp = (username: unknown, password: unknown = PASSWORD, more: object = {}) =>
  post("/api/users", { username, password, ...more });
const logIn = (username: string, password = PASSWORD) => post("/login", { username, password });
const refresh = (refreshToken: unknown) => post("/login/refresh", { refreshToken });
const statusesOf = (answers: readonly Received[]) => answers.map(({ status }) => status);

async function newUser(): Promise<{ readonly username: string; readonly tokens: Received["body"] }> {
  const username = newName();
  expect((await signUp(username)).status).toBe(201);
  return { username, tokens: (await logIn(username)).body };
}

const names: readonly (readonly [name: unknown, status: number])[] = [
  ["ab", 422],
  ["a".repeat(33), 422],
  ["Upper", 422],
  ["a b c", 422],
  ["한국어", 422],
  ["line\n", 422],
  [1, 422],
  [null, 422],
];
const passwords: readonly (readonly [rule: string, password: unknown, status: number])[] = [
  ["9 characters", "a1b2c3d4e", 422],
  ["10 characters", "kx9Lm2Qp7z", 201],
  ["9 code points", "😀😁😂😃😄😅😆😇😈", 422],
  ["200 code points", "😀😁".repeat(100), 201],
  ["201 code points", `${"😀😁".repeat(100)}x`, 422],
  ["a common one", "password123", 422],
  ["a common one in capitals", "QWERTYUIOP", 422],
  ["a number", 1_234_567_890, 422],
];

describe("the settings of the processes", () => {
  test("say who issues tokens, and for whom", async () => {
    const { accessToken } = (await newUser()).tokens;
    const [, claims = ""] = String(accessToken).split(".");
    expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
      ...{ iss: SETTINGS.TOKEN_ISSUER, aud: SETTINGS.TOKEN_AUDIENCE },
    });
  });

  test("keep the cookies of browsers to https", async () => {
    const json = { username: "customer", password: "customer-password" };
    const headers = { "sec-fetch-site": "same-origin" };
    const opened = await send(url, { method: "POST", path: "/session", headers, json });
    expect(opened.headers.get("set-cookie")).toMatch(/^__Host-session=.*; Secure$/);
  });

  test("say into how many partitions topics are cut", async () => {
    const admin = new Kafka({ brokers: (await testKafkaBrokers()).split(","), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [`${shop.topicPrefix}order.events`] });
    await admin.disconnect();
    expect(topics[0]?.partitions).toHaveLength(2);
  });
});

describe("signing up", () => {
  test.each(names)("as %p is %d", async (name, expected) => {
    expect((await signUp(name)).status).toBe(expected);
  });

  test.each(passwords)("with a password: %s", async (_rule, password, expected) => {
    const name = newName();
    expect((await signUp(name, password)).status).toBe(expected);
    if (expected === 201) expect((await logIn(name, String(password))).status).toBe(200);
  });

  test("gives the role customer, takes no other field, and shows no password", async () => {
    const { body, text } = await signUp(newName(), PASSWORD, { displayName: "😀".repeat(100) });
    expect(body["role"]).toBe("customer");
    expect(text).not.toMatch(/password|hash|argon/i);
    expect((await signUp(newName(), PASSWORD, { role: "admin" })).status).toBe(422);
  });

  test("twelve times at once with one name gives it to one", async () => {
    const name = newName();
    const answers = await Promise.all(Array.from({ length: 12 }, () => signUp(name)));
    // On a machine that is short of time some are told to come again: 503.
    const statuses = statusesOf(answers).filter((status) => status !== 503);
    expect(statuses.filter((status) => status === 201).length).toBeLessThanOrEqual(1);
    expect(new Set(statuses).difference(new Set([201, 409]))).toEqual(new Set());
    await eventually(async () => expect((await signUp(name)).status).toBe(409));
  });
});

describe("logging in", () => {
  test("is closed for a name after ten failures, known or not, however many arrive at once; its sessions go on", async () => {
    const { username, tokens } = await newUser();
    for (const name of [username, newName()]) {
      const guess = () => logIn(name, "not this one");
      const answers = await Promise.all(Array.from({ length: 24 }, guess));
      await eventually(async () => {
        answers.push(await guess());
        expect(answers.at(-1)?.status).toBe(429);
      });
      const refused = statusesOf(answers).filter((status) => status === 401);
      // One that was told to come again, 503, may have failed as well.
      const late = statusesOf(answers).filter((status) => status === 503);
      expect(refused.length).toBeLessThanOrEqual(10);
      expect(refused.length + late.length).toBeGreaterThanOrEqual(10);
    }
    const [access, refreshed] = [String(tokens["accessToken"]), await refresh(tokens["refreshToken"])];
    const me = await send(url, { method: "GET", path: "/api/users/me", token: access });
    expect([me.status, refreshed.status]).toEqual([200, 200]);
  });

  test("gives a pair that is spent by use, and using a spent one ends its family and no other", async () => {
    const { username, tokens } = await newUser();
    const { body: other } = await logIn(username);
    const first = tokens["refreshToken"];
    const { body: second } = await refresh(first);
    expect(Object.keys(second).toSorted()).toEqual(["accessToken", "expiresIn", "refreshToken", "tokenType"]);
    expect((await refresh(first)).status).toBe(401);
    expect((await refresh(second["refreshToken"])).status).toBe(401);
    expect((await refresh(other["refreshToken"])).status).toBe(200);
  });

  test("of refreshes at once with one token at most one gets a pair", async () => {
    const { tokens } = await newUser();
    const statuses = statusesOf(await Promise.all(Array.from({ length: 8 }, () => refresh(tokens["refreshToken"]))));
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1);
    expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([]);
  });

  test("ends with a logout, which is 204 for an unknown token too", async () => {
    const { tokens } = await newUser();
    for (const refreshToken of [tokens["refreshToken"], tokens["refreshToken"], "unknown"]) {
      expect((await post("/logout", { refreshToken })).status).toBe(204);
    }
    expect((await refresh(tokens["refreshToken"])).status).toBe(401);
  });
});

test("a token that was changed or signed by others is 401 where one is needed and ignored where not", async () => {
  const good = await tokenOf(url, "admin");
  const [header = "", payload = "", signature = ""] = good.split(".");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
  const [key] = (await send(url, { method: "GET", path: "/.well-known/jwks.json" })).body["keys"] as { x: string }[];
  const symmetric = `${part({ alg: "HS256", typ: "at+jwt" })}.${payload}`;
  const hmac = new Bun.CryptoHasher("sha256", Buffer.from(key?.x ?? "", "base64url")).update(symmetric);
  const last = signature.endsWith("A") ? "B" : "A";
  for (const token of [
    `${part({ alg: "none", typ: "at+jwt" })}.${payload}.`,
    `${symmetric}.${hmac.digest("base64url")}`,
    `${header}.${part({ ...claims, role: "customer" })}.${signature}`,
    `${header}.${part({ ...claims, exp: Number(claims["exp"]) + 60 })}.${signature}`,
    `${header}.${payload}`,
    `${good}=`,
    `${good.slice(0, -1)}${last}`,
    "a".repeat(5_000),
  ]) {
    expect((await send(url, { method: "GET", path: "/api/users/me", token })).status).toBe(401);
    expect((await send(url, { method: "GET", path: "/api/products", token })).status).toBe(200);
  }
});

test("a user has 100 requests a second; others and calls without a token are not held back by it", async () => {
  const [{ tokens }, other] = [await newUser(), await newUser()];
  const me = (token: unknown) => send(url, { method: "GET", path: "/api/users/me", token: String(token) });
  const startedMs = performance.now();
  const statuses = statusesOf(await Promise.all(Array.from({ length: 300 }, () => me(tokens["accessToken"]))));
  const gained = ((performance.now() - startedMs) / 1000) * RATE_PER_SECOND;
  const passed = statuses.filter((status) => status === 200).length;
  expect(passed).toBeGreaterThanOrEqual(RATE_PER_SECOND);
  expect(passed).toBeLessThanOrEqual(RATE_PER_SECOND + Math.ceil(gained));
  expect(statuses.filter((status) => status === 429)).toHaveLength(300 - passed);
  expect((await me(other.tokens["accessToken"])).status).toBe(200);
  const open = await Promise.all(
    Array.from({ length: 200 }, () => send(url, { method: "GET", path: "/api/products" })),
  );
  expect(new Set(statusesOf(open))).toEqual(new Set([200]));
  await eventually(async () => expect((await me(tokens["accessToken"])).status).toBe(200));
});

describe("a service that hangs", () => {
  const lists = [
    ["user", "/api/users/me"],
    ["product", "/api/products"],
    ["order", "/api/orders"],
    ["delivery", "/api/deliveries"],
    ["orchestrator", "/api/sagas"],
  ] as const;

  test("is a 503 problem and leaves the others alone; it comes back", async () => {
    const token = await tokenOf(url, "admin");
    const ask = (path: string) => send(url, { method: "GET", path, token });
    for (const [name, path] of lists) {
      const [pid] = shop.system.services[name].pids();
      if (pid === undefined) throw new Error(`${name} does not run`);
      process.kill(pid, "SIGSTOP");
      try {
        const answers = await Promise.all([ask(path), ask(path)]);
        expect([name, statusesOf(answers)]).toEqual([name, [503, 503]]);
        expect(answers[0]?.headers.get("retry-after")).toMatch(/^[1-9][0-9]*$/);
        const others = await Promise.all(lists.filter(([other]) => other !== name).map(([, other]) => ask(other)));
        expect(new Set(statusesOf(others))).toEqual(new Set([200]));
      } finally {
        process.kill(pid, "SIGCONT");
      }
      await eventually(async () => expect((await ask(path)).status).toBe(200));
    }
  }, 180_000);
});
