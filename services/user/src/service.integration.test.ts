import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { type AddressInfo, connect, createServer } from "node:net";
import { decode } from "hono/jwt";
import postgres from "postgres";
import type { TokenPair, User } from "@shop/contracts/http/user";
import { connectDatabase, type Database } from "@shop/database/connect";
import type { HttpApp } from "@shop/http/server/app";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import type { Clock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createStandalone } from "@shop/service/create-service";
import type { ServiceRuntime } from "@shop/service/process";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import { createUserService } from "./service.ts";
import { rotateSigningKeys, type RotationReason } from "./use-cases/rotate-signing-keys.ts";

const ISSUER = "https://shop.test";
const AUDIENCE = "shop";
const PASSWORD = "a fine password";

let database: TestDatabase;
let sql: postgres.Sql;
let timers: ManualClock;
let clock: Clock;
/** What `skip` has added: time that passes without waking who sleeps. */
let skippedMs: number;
let running: ServiceRuntime[] = [];
let app: HttpApp;

beforeAll(async () => {
  database = await createTestDatabase({ service: "user" });
  sql = postgres(database.url, { max: 2, onnotice: () => undefined });
}, 120_000);
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(async () => {
  skippedMs = 0;
  timers = new ManualClock();
  clock = {
    now: () => timers.now() + skippedMs,
    elapsed: () => timers.elapsed() + skippedMs,
    sleep: (ms, signal) => timers.sleep(ms, signal),
  };
  await sql`truncate users, sessions, refresh_tokens, login_attempts, login_failures, signing_keys cascade`;
  app = (await startService()).app;
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  running = [];
});

async function startService(
  options: { url?: string; seedDemoData?: boolean; prepared?: boolean } = {},
): Promise<ServiceRuntime> {
  const service = createStandalone(createUserService({ tokenIssuer: ISSUER, tokenAudience: AUDIENCE }), {
    databaseUrl: options.url ?? database.url,
    migrateAtStart: true,
    seedDemoData: options.seedDemoData ?? false,
    identity,
    clock,
    ids: uuidV7,
    logger: capturedLogger().logger,
    metrics: createMetrics(),
  });
  running.push(service);
  service.start();
  if (options.prepared ?? true) await eventually(async () => expect((await service.ready()).ready).toBe(true));
  return service;
}

function skip(ms: number): void {
  skippedMs += ms;
}

const post = (path: string, body: object, to: HttpApp = app) =>
  to.request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
const signUp = (username: string, password = PASSWORD) => post("/api/users", { username, password });
const logIn = (username: string, password = PASSWORD, to = app) => post("/login", { username, password }, to);
const refresh = (refreshToken: string, to = app) => post("/login/refresh", { refreshToken }, to);
const refreshWithKey = (refreshToken: string, key: string, to = app) =>
  to.request("/login/refresh", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ refreshToken }),
  });
const me = (accessToken: string, to = app) =>
  to.request("/api/users/me", { headers: { authorization: `Bearer ${accessToken}` } });
const pairOf = async (response: Response | Promise<Response>) => (await (await response).json()) as TokenPair;
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

/** Lets time pass until housekeeping has been done once more. */
async function untilHousekeepingRan(): Promise<void> {
  const old = { id: uuidV7(), username: "nobody-knows", failed_at: new Date(clock.now() - 3_600_000) };
  await sql`insert into login_failures ${sql(old)}`;
  await timers.advance(50_000);
  await eventually(async () => {
    await timers.advance(1_000);
    expect(await sql`select 1 from login_failures where id = ${old.id}`).toBeEmpty();
  });
}

/** How many attempts are counted for a name. */
async function countedFor(username: string): Promise<number> {
  const [row] = await sql`select cardinality(attempted_at) as counted from login_attempts where username = ${username}`;
  return Number(row?.["counted"] ?? 0);
}

const statusesOf = (answers: readonly Response[]) => answers.map(({ status }) => status).toSorted((a, b) => a - b);

async function loggedIn(username = "someone"): Promise<TokenPair> {
  await signUp(username);
  return pairOf(logIn(username));
}

describe("signing up", () => {
  test("makes a customer, whose password is stored as argon2id only", async () => {
    const response = await post("/api/users", { username: "kim.min-ji_1", password: PASSWORD, displayName: "김민지" });
    expect(response.status).toBe(201);
    const user = (await response.json()) as User;
    expect(user).toMatchObject({ username: "kim.min-ji_1", displayName: "김민지", role: "customer" });
    expect(Object.keys(user).toSorted()).toEqual(["createdAt", "displayName", "id", "role", "username"]);
    const [row] = await sql`select * from users`;
    expect(row?.["password_hash"]).toStartWith("$argon2id$");
    expect(JSON.stringify(row)).not.toContain(PASSWORD);
  });

  test("a name is given once, also to many who ask at once", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => signUp("wanted")));
    expect(statusesOf(answers)).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
    expect(await codeOf(await signUp("wanted"))).toEqual([409, "USERNAME_TAKEN"]);
  });

  test("bad names, passwords and roles are 422 and store nothing", async () => {
    const bad = [
      { username: "ab", password: PASSWORD },
      { username: "Upper", password: PASSWORD },
      { username: "a b c", password: PASSWORD },
      { username: "abc\n", password: PASSWORD },
      { username: "x".repeat(33), password: PASSWORD },
      { username: "someone", password: "123456789" },
      { username: "someone", password: "x".repeat(201) },
      { username: "someone", password: "Password123" },
      { username: "long.user.name", password: "Long.User.Name" },
      { username: "someone", password: PASSWORD, role: "admin" },
      { username: "someone", password: PASSWORD, displayName: " " },
      { username: ["someone"], password: PASSWORD },
    ];
    for (const body of bad) expect([body, (await post("/api/users", body)).status]).toEqual([body, 422]);
    expect(await sql`select 1 from users`).toBeEmpty();
  });
});

describe("logging in", () => {
  test("gives a token that every service accepts, with all claims, for fifteen minutes", async () => {
    const user = (await (await signUp("someone")).json()) as User;
    const response = await logIn("someone");
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const pair = await pairOf(response);
    expect(pair).toMatchObject({ tokenType: "Bearer", expiresIn: 900 });
    const { header, payload } = decode(pair.accessToken);
    expect(header).toMatchObject({ alg: "EdDSA", typ: "at+jwt", kid: expect.any(String) });
    const iat = clock.now() / 1000;
    expect(payload).toEqual({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: user.id,
      sid: expect.any(String),
      role: "customer",
      iat,
      exp: iat + 900,
      jti: expect.any(String),
    });
    const { logger } = capturedLogger();
    const keys = async () => app.request("/.well-known/jwks.json");
    const verifier = createTokenVerifier({
      jwksUrl: "x",
      issuer: ISSUER,
      audience: AUDIENCE,
      clock,
      logger,
      fetch: keys,
    });
    expect(await verifier.verify(pair.accessToken)).toMatchObject({ id: user.id, role: "customer" });
    expect(await (await me(pair.accessToken)).json()).toEqual(user);
  });

  test("takes a password in whichever way its letters are composed", async () => {
    const password = "crème brûlée";
    await signUp("someone", password.normalize("NFC"));
    await signUp("another", password.normalize("NFD"));
    for (const form of ["NFC", "NFD"])
      for (const name of ["someone", "another"]) expect((await logIn(name, password.normalize(form))).status).toBe(200);
  });

  test("a wrong name and a wrong password are the same 401", async () => {
    await signUp("someone");
    const shown = async (response: Response) => {
      const { requestId: _own, ...problem } = (await response.json()) as Record<string, unknown>;
      return { status: response.status, authenticate: response.headers.get("www-authenticate"), problem };
    };
    const wrongPassword = await shown(await logIn("someone", "not this one"));
    expect(wrongPassword).toMatchObject({
      status: 401,
      authenticate: "Bearer",
      problem: { code: "INVALID_CREDENTIALS" },
    });
    expect(await shown(await logIn("nobody", "not this one"))).toEqual(wrongPassword);
  });

  test("a name that nobody has takes as long as a wrong password: one is compared with a hash as the other is, and that is what takes the time", async () => {
    await signUp("someone");
    const comparisons = spyOn(Bun.password, "verify");
    try {
      const costs: Record<string, readonly string[]> = {};
      for (const name of ["someone", "nobody"]) {
        await logIn(name, "not this one");
        // Algorithm, version and parameters, which decide how long a comparison takes.
        costs[name] = comparisons.mock.calls
          .splice(0)
          .flatMap(([, hash]) => (typeof hash === "string" ? hash.split("$").slice(0, 4).join("$") : []));
      }
      expect(costs["someone"]).toHaveLength(1);
      expect(costs["nobody"]).toEqual(costs["someone"] ?? []);
    } finally {
      comparisons.mockRestore();
    }
  });

  test("housekeeping leaves the failures that still count", async () => {
    for (let attempt = 0; attempt < 10; attempt += 1) await logIn("nobody", "not this one");
    await untilHousekeepingRan();
    expect(await countedFor("nobody")).toBe(10);
  });

  test("housekeeping leaves nothing of names that were tried long ago: a flood of names fills no table", async () => {
    for (const name of ["nobody", "none", "nil"]) await logIn(name, "not this one");
    skip(121_000);
    await logIn("lately", "not this one");
    await untilHousekeepingRan();
    const names = await sql<{ username: string }[]>`select username from login_attempts`;
    expect(names.map(({ username }) => username)).toEqual(["lately"]);
  });

  test("ten failures for a name close it for a minute, unknown or not, on every replica; sessions and other names go on", async () => {
    const pair = await loggedIn("someone");
    await signUp("other");
    const second = (await startService()).app;
    for (const name of ["someone", "nobody"]) {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        const to = attempt % 2 === 0 ? app : second;
        expect((await logIn(name, "not this one", to)).status).toBe(401);
      }
      for (const to of [app, second]) {
        const refused = await logIn(name, PASSWORD, to);
        expect(refused.headers.get("retry-after")).toBe("60");
        expect(await codeOf(refused)).toEqual([429, "TOO_MANY_FAILED_LOGINS"]);
      }
    }
    expect((await logIn("other")).status).toBe(200);
    expect((await refresh(pair.refreshToken)).status).toBe(200);
    expect((await me(pair.accessToken)).status).toBe(200);
    skip(60_000);
    expect((await logIn("someone")).status).toBe(200);
  });

  test("of many guesses at once, at three replicas, no more than ten can fail", async () => {
    await signUp("someone");
    const replicas = [app, (await startService()).app, (await startService()).app];
    for (const name of ["someone", "nobody"]) {
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) => logIn(name, "not this one", replicas[n % replicas.length])),
      );
      const statuses = statusesOf(answers);
      expect(statuses.filter((status) => status === 401)).toHaveLength(10);
      expect(statuses.filter((status) => status !== 401)).toEqual(Array.from({ length: 50 }, () => 429));
      expect(await countedFor(name)).toBe(10);
      for (const replica of replicas) expect((await logIn(name, PASSWORD, replica)).status).toBe(429);
    }
  }, 120_000);

  test("right passwords close nothing, however many arrive at once and whatever failed before", async () => {
    await signUp("someone");
    for (let attempt = 0; attempt < 9; attempt += 1) await logIn("someone", "not this one");
    const answers = await Promise.all(Array.from({ length: 20 }, () => logIn("someone")));
    expect(new Set(statusesOf(answers))).toEqual(new Set([200]));
    expect(await countedFor("someone")).toBe(9);
    expect((await logIn("someone", "not this one")).status).toBe(401);
    expect((await logIn("someone")).status).toBe(429);
  }, 120_000);

  test("a storm of false logins, and of right ones for one name, refuses no other name with the right password, and no new customer", async () => {
    const people = Array.from({ length: 6 }, (_, n) => `person-${n}`);
    await loggedIn("greedy");
    for (const name of people) await signUp(name);
    // Half of them have a session, the others come for the first time.
    for (const name of people.slice(3)) await logIn(name);
    let isOver = false;
    const stormed: number[] = [];
    const storm = Array.from({ length: 200 }, async (_, caller) => {
      for (let n = 0; !isOver; n += 1) {
        // Most guess at names that nobody has; some at one that exists, but has no luck today.
        const name = caller % 10 === 0 ? "person-0" : `no-${caller}-${n}`;
        const answer = await (caller % 2 === 0 ? logIn(name, "not this one") : logIn("greedy"));
        stormed.push(answer.status);
        await Bun.sleep(20);
      }
    });
    try {
      await eventually(() => expect(stormed).toContain(503));
      const real: number[] = [];
      await Promise.all(
        people.slice(1).map(async (name) => {
          for (let times = 0; times < 2; times += 1) real.push((await logIn(name)).status);
        }),
      );
      real.push((await signUp("newcomer")).status);
      expect(real).toEqual([...Array.from({ length: 10 }, () => 200), 201]);
    } finally {
      isOver = true;
      await Promise.all(storm);
    }
    // What was refused for want of room is no failure of a name.
    expect(stormed.filter((status) => ![200, 401, 429, 503].includes(status))).toEqual([]);
    const [row] = await sql`select sum(cardinality(attempted_at))::int as counted from login_attempts`;
    expect(Number(row?.["counted"])).toBeLessThan(stormed.length);
  }, 120_000);

  test("a token lives out its minutes and no more", async () => {
    const pair = await loggedIn();
    skip(900_000);
    expect((await me(pair.accessToken)).status).toBe(200);
    skip(5_000);
    expect((await me(pair.accessToken)).status).toBe(401);
  });

  test("the token of a user who is gone is 401", async () => {
    const pair = await loggedIn();
    await sql`delete from users`;
    expect((await me(pair.accessToken)).status).toBe(401);
  });
});

describe("refreshing", () => {
  test("gives a new pair each time; the stored tokens are hashes", async () => {
    const first = await loggedIn();
    const second = await pairOf(refresh(first.refreshToken));
    const third = await pairOf(refresh(second.refreshToken));
    expect(new Set([first, second, third].map(({ refreshToken }) => refreshToken)).size).toBe(3);
    expect((await me(third.accessToken)).status).toBe(200);
    const stored = await sql<{ hash: string }[]>`select encode(token_hash, 'hex') as hash from refresh_tokens`;
    expect(stored.map(({ hash }) => hash.length)).toEqual([64, 64]);
  });

  test("a session that is used lives on, however long ago it was begun", async () => {
    let pair = await loggedIn();
    for (let week = 0; week < 6; week += 1) {
      skip(7 * 24 * 3_600_000);
      pair = await pairOf(refresh(pair.refreshToken));
    }
    await untilHousekeepingRan();
    expect((await refresh(pair.refreshToken)).status).toBe(200);
  });

  test("a session that is used for ever keeps no tokens that have ended by time", async () => {
    let pair = await loggedIn();
    for (let times = 0; times < 5; times += 1) {
      skip(20 * 24 * 3_600_000);
      pair = await pairOf(refresh(pair.refreshToken));
    }
    // The living one, and the one that it was given for.
    expect(await sql`select from refresh_tokens`).toHaveLength(2);
  });

  test("keeps two tokens of a session however often it is refreshed, and still knows each that was spent", async () => {
    const spent: string[] = [];
    let pair = await loggedIn();
    const again = await pairOf(logIn("someone"));
    for (let times = 0; times < 30; times += 1) {
      spent.push(pair.refreshToken);
      pair = await pairOf(refresh(pair.refreshToken));
    }
    expect(await sql`select from refresh_tokens`).toHaveLength(3);
    // One that only looks like one of the session's ends nothing.
    const [secret = "", session = ""] = pair.refreshToken.split(".");
    for (const forged of [`${secret}.${session}.${"A".repeat(22)}`, `${"A".repeat(43)}.${session}.${"A".repeat(22)}`])
      expect((await refresh(forged)).status).toBe(401);
    pair = await pairOf(refresh(pair.refreshToken));
    expect((await refresh(spent[3] ?? "")).status).toBe(401);
    expect((await refresh(pair.refreshToken)).status).toBe(401);
    expect((await refresh(again.refreshToken)).status).toBe(200);
    const other = await pairOf(
      refresh((await pairOf(refresh((await pairOf(logIn("someone"))).refreshToken))).refreshToken),
    );
    expect((await refresh(other.refreshToken)).status).toBe(200);
  }, 60_000);

  test("a token that was spent long ago, presented at a logout, ends its session too", async () => {
    const first = await loggedIn();
    let pair = first;
    for (let times = 0; times < 3; times += 1) pair = await pairOf(refresh(pair.refreshToken));
    expect((await post("/logout", { refreshToken: first.refreshToken })).status).toBe(204);
    expect((await refresh(pair.refreshToken)).status).toBe(401);
  }, 60_000);

  test("a session of a release whose tokens had no families goes on, and a token that was spent before is known", async () => {
    const first = await loggedIn();
    await sql`update sessions set family_key = null`;
    await sql`update refresh_tokens set is_of_family = false`;
    let pair = await pairOf(refresh(first.refreshToken));
    for (let times = 0; times < 3; times += 1) pair = await pairOf(refresh(pair.refreshToken));
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await refresh(pair.refreshToken)).status).toBe(401);
  }, 60_000);

  test("a user has a hundred sessions at most: with one more, the one that has been unused for the longest ends", async () => {
    const first = await loggedIn();
    const kept = await pairOf(logIn("someone"));
    const [{ id: userId }] = await sql<[{ id: string }]>`select id from users`;
    skip(1_000);
    const used = await pairOf(refresh(kept.refreshToken));
    await sql`
      insert into sessions (id, user_id, created_at, expires_at)
      select gen_random_uuid(), ${userId}, now(), (select max(expires_at) from sessions) + interval '1 second' from generate_series(1, 98)`;
    expect((await logIn("someone")).status).toBe(200);
    expect(await sql`select from sessions`).toHaveLength(100);
    expect((await refresh(first.refreshToken)).status).toBe(401);
    expect((await refresh(used.refreshToken)).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 10 }, () => logIn("someone")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await sql`select from sessions`).toHaveLength(100);
  }, 60_000);

  test("a spent token ends the whole family, and only it", async () => {
    const first = await loggedIn();
    const otherSession = await pairOf(logIn("someone"));
    const second = await pairOf(refresh(first.refreshToken));
    expect(await codeOf(await refresh(first.refreshToken))).toEqual([401, "INVALID_REFRESH_TOKEN"]);
    expect((await refresh(second.refreshToken)).status).toBe(401);
    expect((await refresh(otherSession.refreshToken)).status).toBe(200);
  });

  test("of many that refresh with the same token at once, one wins, and then the family ends", async () => {
    const second = (await startService()).app;
    for (let round = 0; round < 5; round += 1) {
      const { refreshToken } = await loggedIn(`user-${round}`);
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, n) => refresh(refreshToken, n % 2 === 0 ? app : second)),
      );
      const winners = answers.filter(({ status }) => status === 200);
      expect(statusesOf(answers)).toEqual([200, 401, 401, 401, 401, 401]);
      for (const winner of winners) expect((await refresh((await pairOf(winner)).refreshToken)).status).toBe(401);
    }
    expect(await sql`select 1 from sessions`).toBeEmpty();
  });

  test("of many that ask for the same exchange with the same key, at once or within ten seconds, all get the same refresh token", async () => {
    const second = (await startService()).app;
    const { refreshToken } = await loggedIn();
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => refreshWithKey(refreshToken, "one", n % 2 === 0 ? app : second)),
    );
    skip(10_000);
    answers.push(await refreshWithKey(refreshToken, "one"));
    expect(statusesOf(answers)).toEqual([200, 200, 200, 200, 200, 200, 200]);
    const pairs = await Promise.all(answers.map(pairOf));
    const [next = "", ...others] = new Set(pairs.map((pair) => pair.refreshToken));
    expect(others).toEqual([]);
    for (const { accessToken } of pairs) expect((await me(accessToken)).status).toBe(200);
    expect((await refresh(next)).status).toBe(200);
  });

  test.each([
    ["later than ten seconds", "one", async () => skip(10_001)],
    ["with another key", "two", async () => {}],
    ["after its token was spent too", "one", async (next: string) => void (await refresh(next))],
  ])("an exchange that is asked for again %s ends the family", async (_how, key, meanwhile) => {
    const first = await loggedIn();
    const next = await pairOf(refreshWithKey(first.refreshToken, "one"));
    await meanwhile(next.refreshToken);
    expect((await refreshWithKey(first.refreshToken, key)).status).toBe(401);
    expect((await refresh(next.refreshToken)).status).toBe(401);
    expect(await sql`select 1 from sessions`).toBeEmpty();
  });

  test("an exchange without a key cannot be asked for again with one", async () => {
    const first = await loggedIn();
    const next = await pairOf(refresh(first.refreshToken));
    expect((await refreshWithKey(first.refreshToken, "one")).status).toBe(401);
    expect((await refresh(next.refreshToken)).status).toBe(401);
  });

  test("a token ends after thirty days without use, and housekeeping removes what has ended", async () => {
    const pair = await loggedIn();
    skip(30 * 24 * 3_600_000 - 1);
    const next = await pairOf(refresh(pair.refreshToken));
    skip(30 * 24 * 3_600_000);
    expect((await refresh(next.refreshToken)).status).toBe(401);
    await eventually(async () => {
      await timers.advance(60_000);
      expect(await sql`select 1 from refresh_tokens`).toBeEmpty();
    });
  });

  test("an unknown token is 401, whatever it looks like", async () => {
    for (const token of ["x", "x".repeat(500), "'; drop table users", "ü"]) {
      expect([token, (await refresh(token)).status]).toEqual([token, 401]);
    }
  });
});

describe("logging out", () => {
  test("ends the session, 204 also for an unknown token and a second time; the access token lives on", async () => {
    const pair = await loggedIn();
    for (const refreshToken of [pair.refreshToken, pair.refreshToken, "unknown"]) {
      const response = await post("/logout", { refreshToken });
      expect([response.status, await response.text()]).toEqual([204, ""]);
    }
    expect((await refresh(pair.refreshToken)).status).toBe(401);
    expect((await me(pair.accessToken)).status).toBe(200);
  });

  test("ends the session with a spent token as well, which is what a browser may still hold", async () => {
    const first = await loggedIn();
    const second = await pairOf(refresh(first.refreshToken));
    expect((await post("/logout", { refreshToken: first.refreshToken })).status).toBe(204);
    expect((await refresh(second.refreshToken)).status).toBe(401);
  });

  test("at the same time as a refresh leaves no session behind", async () => {
    for (let round = 0; round < 10; round += 1) {
      const pair = await loggedIn(`user-${round}`);
      const [left, refreshed] = await Promise.all([
        post("/logout", { refreshToken: pair.refreshToken }),
        refresh(pair.refreshToken),
      ]);
      expect(left.status).toBe(204);
      expect([200, 401]).toContain(refreshed.status);
    }
    expect(await sql`select 1 from sessions`).toBeEmpty();
  });
});

describe("keys", () => {
  test("the key set shows public parts only, and may be kept for a minute", async () => {
    const response = await app.request("/.well-known/jwks.json");
    expect(response.headers.get("cache-control")).toBe("public, max-age=60");
    const { keys } = (await response.json()) as { keys: Record<string, string>[] };
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([["alg", "crv", "kid", "kty", "use", "x"]]);
  });

  test("replicas that start at once share one key: each accepts the other's tokens", async () => {
    await sql`truncate signing_keys`;
    const [one, other] = await Promise.all([startService(), startService()]);
    expect(await sql`select 1 from signing_keys`).toHaveLength(1);
    await signUp("someone");
    const pair = await pairOf(logIn("someone", PASSWORD, one.app));
    expect((await me(pair.accessToken, other.app)).status).toBe(200);
  });

  describe("that are rotated, with two replicas", () => {
    const replicas = () => running.slice(0, 2).map((service) => service.app);
    const kidOf = ({ accessToken }: TokenPair) => String(decode(accessToken).header.kid);
    const shownBy = async (replica: HttpApp) => {
      const { keys } = (await (await replica.request("/.well-known/jwks.json")).json()) as { keys: { kid: string }[] };
      return keys.map(({ kid }) => kid).toSorted();
    };
    let rotating: { readonly db: Database };

    beforeEach(async () => {
      await startService();
      await signUp("someone");
      rotating = { db: connectDatabase({ url: database.url, applicationName: "rotation" }) };
    });
    afterEach(() => rotating.db.$client.end());

    /** @returns the id of the new key */
    async function rotate(reason: RotationReason): Promise<string> {
      const { db } = rotating;
      await rotateSigningKeys({ db, clock, ids: uuidV7, logger: capturedLogger().logger }, reason);
      const stored = await sql<{ kid: string }[]>`select kid from signing_keys order by created_at desc, kid desc`;
      return stored[0]?.kid ?? "";
    }

    /** Lets ten seconds pass, and the two loops of each replica do what is due by then. */
    async function passTenSeconds(): Promise<void> {
      await timers.advance(10_000);
      await eventually(() => expect(timers.sleeperCount).toBe(4), { pauseMs: 2 });
    }

    test("each token is good everywhere at each moment: a new key is shown by all before one signs with it, and an old one as long as its tokens live", async () => {
      const verifiers = replicas().map((replica) =>
        createTokenVerifier({
          ...{ jwksUrl: "x", issuer: ISSUER, audience: AUDIENCE, clock, logger: capturedLogger().logger },
          fetch: async () => replica.request("/.well-known/jwks.json"),
        }),
      );
      const isGoodEverywhere = async ({ accessToken }: TokenPair) => {
        for (const replica of replicas()) expect((await me(accessToken, replica)).status).toBe(200);
        for (const verifier of verifiers) expect(await verifier.verify(accessToken)).toBeDefined();
      };
      const first = await pairOf(logIn("someone"));
      const signers = new Set([kidOf(first)]);
      let { refreshToken } = first;
      // Old enough that it can be told apart by its age.
      await passTenSeconds();
      const kid = await rotate("scheduled");
      for (let waitedMs = 0; waitedMs < 14 * 60_000; waitedMs += 10_000) {
        for (const replica of replicas()) {
          const pair = await pairOf(refresh(refreshToken, replica));
          refreshToken = pair.refreshToken;
          signers.add(kidOf(pair));
          if (waitedMs < 120_000) expect(kidOf(pair)).toBe(kidOf(first));
          if (waitedMs > 140_000) expect(kidOf(pair)).toBe(kid);
          await isGoodEverywhere(pair);
        }
        await isGoodEverywhere(first);
        await passTenSeconds();
      }
      expect([...signers]).toEqual([kidOf(first), kid]);
      for (let waitedMs = 0; waitedMs < 8 * 60_000; waitedMs += 10_000) await passTenSeconds();
      for (const replica of replicas()) expect(await shownBy(replica)).toEqual([kid]);
    });

    test("because one leaked, sign with the new one within ten seconds, and refuse what was signed with the old ones", async () => {
      const before = await pairOf(logIn("someone"));
      const kid = await rotate("leaked");
      await passTenSeconds();
      for (const replica of replicas()) {
        expect(await shownBy(replica)).toEqual([kid]);
        const after = await pairOf(logIn("someone", PASSWORD, replica));
        expect(kidOf(after)).toBe(kid);
        for (const other of replicas()) expect((await me(after.accessToken, other)).status).toBe(200);
      }
      skip(61_000);
      for (const replica of replicas()) {
        await eventually(async () => expect((await me(before.accessToken, replica)).status).toBe(401));
      }
      expect((await refresh(before.refreshToken)).status).toBe(200);
    });

    test("because the database was set back, leave neither a key that had been withdrawn nor a session that had ended", async () => {
      const [leaked, ended] = [await pairOf(logIn("someone")), await pairOf(logIn("someone"))];
      const backup = { keys: await sql`select * from signing_keys`, sessions: await sql`select * from sessions` };
      const tokens = await sql`select * from refresh_tokens`;
      await rotate("leaked");
      expect((await post("/logout", { refreshToken: ended.refreshToken })).status).toBe(204);
      await sql`truncate signing_keys, sessions, refresh_tokens`;
      await sql`insert into signing_keys ${sql(backup.keys)}`;
      await sql`insert into sessions ${sql(backup.sessions)}`;
      await sql`insert into refresh_tokens ${sql(tokens)}`;

      const kid = await rotate("restored");
      await passTenSeconds();
      for (const replica of replicas()) expect(await shownBy(replica)).toEqual([kid]);
      for (const { refreshToken } of [leaked, ended]) expect((await refresh(refreshToken)).status).toBe(401);
      skip(61_000);
      for (const replica of replicas()) {
        await eventually(async () => expect((await me(leaked.accessToken, replica)).status).toBe(401));
      }
      expect(await sql`select from sessions`).toBeEmpty();
      expect(kidOf(await pairOf(logIn("someone")))).toBe(kid);
    });
  });
});

describe("demo data", () => {
  test("are stored however long a password takes on a slow machine", async () => {
    // Time passes with every look at the clock: anyone who stands in line has waited too long.
    clock = { ...clock, now: () => timers.now() + (skippedMs += 700) };
    await startService({ seedDemoData: true });
    expect(await sql`select username from users`).toHaveLength(5);
  });

  test("is stored once by any number of replicas and starts, with the known passwords and roles", async () => {
    await Promise.all([startService({ seedDemoData: true }), startService({ seedDemoData: true })]);
    await startService({ seedDemoData: true });
    expect([...(await sql`select username, role from users order by username`)]).toEqual([
      { username: "admin", role: "admin" },
      { username: "customer", role: "customer" },
      { username: "customer2", role: "customer" },
      { username: "rider", role: "rider" },
      { username: "rider2", role: "rider" },
    ]);
    for (const name of ["admin", "customer", "rider2"])
      expect((await logIn(name, `${name}-password`)).status).toBe(200);
  });
});

describe("a database that is away", () => {
  test("makes a service not ready and its calls 503; it goes on by itself when the database is there", async () => {
    let away = true;
    const port = Number(new URL(database.url).port);
    const proxy = createServer((socket) => {
      socket.on("error", () => undefined);
      if (away) socket.destroy();
      else
        socket
          .pipe(connect(port, "127.0.0.1"))
          .on("error", () => undefined)
          .pipe(socket);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const url = new URL(database.url);
    url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

    const service = await startService({ url: url.href, prepared: false });
    expect((await service.ready()).ready).toBe(false);
    const calls = [
      () => logIn("someone", PASSWORD, service.app),
      () => post("/api/users", { username: "someone", password: PASSWORD }, service.app),
      () => refresh("token", service.app),
      async () => service.app.request("/.well-known/jwks.json"),
    ];
    for (const call of calls) {
      const response = await call();
      expect(response.headers.get("retry-after")).toBe("1");
      expect(await codeOf(response)).toEqual([503, "UNAVAILABLE"]);
    }

    away = false;
    await eventually(async () => {
      await timers.advance(1_000);
      expect((await service.ready()).ready).toBe(true);
    });
    expect((await post("/api/users", { username: "someone", password: PASSWORD }, service.app)).status).toBe(201);
    proxy.close();
  });
});

test("a stop lets running housekeeping finish", async () => {
  await loggedIn();
  skip(31 * 24 * 3_600_000);
  const [locked, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = sql.begin(async (tx) => {
    await tx`lock table login_failures in access exclusive mode`;
    locked.resolve();
    await free.promise;
  });
  await locked.promise;
  await eventually(async () => {
    await timers.advance(1_000);
    expect(
      await sql`select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from "login_failures"%'`,
    ).toHaveLength(1);
  });
  const stopped = Promise.all(running.splice(0).map((service) => service.stop()));
  free.resolve();
  await Promise.all([holder, stopped]);
  expect(await sql`select from sessions`).toHaveLength(0);
});
