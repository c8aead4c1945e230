import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Account } from "@shop/contracts/http/account";
import type { AuditEntry } from "@shop/contracts/http/audit";
import type { Session } from "@shop/contracts/http/session";
import { eventually } from "@shop/testing/eventually";
import {
  type Answered,
  PASSWORD,
  type Person,
  type ServiceUnderTest,
  startUserService,
} from "./testing/service-under-test.ts";

let shop: ServiceUnderTest;
let admin: Person;

beforeAll(async () => {
  shop = await startUserService();
}, 120_000);
afterAll(() => shop.stop());
beforeEach(async () => {
  await shop.sql`delete from users`;
  admin = await shop.person("admin");
});

const by = (person: Person, method: string, path: string, json?: object) =>
  shop.call(method, path, json, person.tokens.accessToken);
const itemsOf = ({ body }: Answered) => body["items"] as readonly Account[];
const namesOf = async (query: string) =>
  itemsOf(await by(admin, "GET", `/api/users${query}`)).map(({ username }) => username);
const change = (user: { readonly id: string }, json: object, as = admin) =>
  by(as, "PATCH", `/api/users/${user.id}`, json);
const codeOf = ({ status, body }: Answered) => [status, body["code"]];
/** The newest entry of the audit trail about a user. */
async function lastAct({ id }: { readonly id: string }): Promise<AuditEntry | undefined> {
  const { body } = await by(admin, "GET", `/api/audit?subjectId=${id}&limit=1`);
  return (body["items"] as readonly AuditEntry[])[0];
}

describe("the list of users", () => {
  test("shows all to an admin, newest first and page by page, and to nobody else", async () => {
    const people = [await shop.person(), await shop.person("rider"), await shop.person()];
    const names = people.map(({ username }) => username).toReversed();
    expect(await namesOf("")).toEqual([...names, admin.username]);
    const first = await by(admin, "GET", "/api/users?limit=2");
    const second = await namesOf(`?limit=2&cursor=${String(first.body["nextCursor"])}`);
    expect([...itemsOf(first).map(({ username }) => username), ...second]).toEqual([...names, admin.username]);
    expect(itemsOf(first)[0]).toEqual({
      ...{ id: people[2]?.id ?? "", username: names[0] ?? "", displayName: names[0] ?? "", role: "customer" },
      ...{ createdAt: expect.any(String), disabledAt: null, mailAddress: null, hasPassword: true },
    });
    for (const other of people) expect((await by(other, "GET", "/api/users")).status).toBe(403);
  });

  test("is filtered by role, by whether they are disabled, and by how the name begins", async () => {
    const [rider, customer] = [await shop.person("rider"), await shop.person()];
    await change(customer, { disabled: true });
    expect(await namesOf("?role=rider")).toEqual([rider.username]);
    expect(await namesOf("?disabled=true")).toEqual([customer.username]);
    expect(await namesOf("?disabled=false&role=customer")).toEqual([]);
    expect(await namesOf(`?username=${rider.username.slice(0, 12)}`)).toEqual([rider.username]);
    // To SQL an underscore is any character.
    expect(await namesOf("?username=u_")).toEqual([]);
    expect((await by(admin, "GET", "/api/users?username=%25")).status).toBe(422);
  });
});

describe("disabling a user", () => {
  test("ends their sessions at once and refuses logins until they are enabled", async () => {
    const user = await shop.person();
    const { status, body } = await change(user, { disabled: true });
    expect([status, body["disabledAt"]]).toEqual([200, new Date(shop.clock.now()).toISOString()]);
    expect(codeOf(await shop.refresh(user.tokens.refreshToken))).toEqual([401, "INVALID_REFRESH_TOKEN"]);
    expect(codeOf(await shop.logIn(user.username))).toEqual([403, "ACCOUNT_DISABLED"]);
    expect(await lastAct(user)).toMatchObject({ action: "LOGIN_FAILED", after: { reason: "ACCOUNT_DISABLED" } });
    // Only who has the password is told.
    expect(codeOf(await shop.logIn(user.username, "not this one"))).toEqual([401, "INVALID_CREDENTIALS"]);
    await change(user, { disabled: false });
    expect((await shop.logIn(user.username)).status).toBe(200);
  });

  test("is written to the audit trail with what was before, once", async () => {
    const user = await shop.person();
    await change(user, { disabled: true });
    const entry = await lastAct(user);
    await change(user, { disabled: true });
    expect(await lastAct(user)).toEqual(entry);
    expect(entry).toMatchObject({
      ...{ action: "USER_CHANGED", actor: { id: admin.id, role: "admin" } },
      before: { role: "customer", disabled: false },
      after: { role: "customer", disabled: true, endedSessions: 1 },
    });
  });

  test("lets no login through whose password was compared before", async () => {
    const user = await shop.person();
    const { promise: isHeld, resolve: held } = Promise.withResolvers<void>();
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
    const disabling = shop.sql.begin(async (tx) => {
      await tx`update users set disabled_at = now() where id = ${user.id}`;
      held();
      await mayGoOn;
    });
    await isHeld;
    const login = shop.logIn(user.username);
    await eventually(async () => expect(await shop.sql`select from pg_locks where not granted`).not.toBeEmpty());
    goOn();
    await disabling;
    expect(codeOf(await login)).toEqual([403, "ACCOUNT_DISABLED"]);
    expect(await shop.sql`select from sessions where user_id = ${user.id}`).toHaveLength(1);
  });
});

describe("a role that was changed", () => {
  test("is in the next token, and what came before it is over", async () => {
    const user = await shop.person();
    expect((await change(user, { role: "admin" })).body["role"]).toBe("admin");
    expect((await shop.refresh(user.tokens.refreshToken)).status).toBe(401);
    const { body } = await shop.logIn(user.username);
    const listed = await shop.call("GET", "/api/users", undefined, String(body["accessToken"]));
    expect(listed.status).toBe(200);
  });

  test("cannot be regained by who has lost it, though their token says admin", async () => {
    const other = await shop.person("admin");
    expect((await change(other, { role: "customer" })).status).toBe(200);
    expect(codeOf(await change(other, { role: "admin" }, other))).toEqual([403, "FORBIDDEN"]);
    expect(codeOf(await change(admin, { disabled: true }, other))).toEqual([403, "FORBIDDEN"]);
  });

  test("leaves one admin who can log in, also when two take it from each other at once", async () => {
    for (const json of [{ role: "rider" }, { disabled: true }])
      expect(codeOf(await change(admin, json))).toEqual([409, "LAST_ADMIN"]);
    const other = await shop.person("admin");
    const answers = await Promise.all([
      change(admin, { disabled: true }, other),
      change(other, { role: "customer" }, admin),
    ]);
    const left = await shop.sql`select from users where role = 'admin' and disabled_at is null`;
    expect([answers.filter(({ status }) => status === 200).length, left.length]).toEqual([1, 1]);
  });

  test.each([
    [{ role: "owner" }, 422],
    [{ disabled: "yes" }, 422],
    [{ password: "another password" }, 422],
    [{}, 200],
  ])("to %p is %d", async (json, status) => {
    expect((await change(await shop.person(), json)).status).toBe(status);
  });

  test("of nobody is 404, and of oneself by a customer 403", async () => {
    expect((await change({ id: "0190a0a0-0000-7000-8000-000000000000" }, { disabled: true })).status).toBe(404);
    const user = await shop.person();
    expect((await change(user, { role: "admin" }, user)).status).toBe(403);
  });
});

describe("an invited user", () => {
  const invite = (json: object, as = admin) => by(as, "POST", "/api/invitations", json);
  const newName = () => `i-${crypto.randomUUID().slice(0, 20)}`;

  test("of any role sets their password with the code, and then logs in", async () => {
    const username = newName();
    const { status, body, headers } = await invite({ username, displayName: "New rider", role: "rider" });
    const user = body["user"] as Account;
    expect([status, headers.get("location")]).toEqual([201, `/api/users/${user.id}`]);
    expect(user).toMatchObject({ username, displayName: "New rider", role: "rider", hasPassword: false });
    expect(codeOf(await shop.logIn(username))).toEqual([401, "INVALID_CREDENTIALS"]);
    expect((await reset(username, String(body["code"]).toLowerCase())).status).toBe(204);
    const { body: tokens } = await shop.logIn(username, NEW_PASSWORD);
    const me = await shop.call("GET", "/api/users/me", undefined, String(tokens["accessToken"]));
    expect(me.body).toMatchObject({ username, role: "rider" });
    expect(await lastAct(user)).toMatchObject({ action: "LOGIN_SUCCEEDED" });
  });

  test("with a name that is taken is 409, and leaves no code", async () => {
    const username = newName();
    await invite({ username, role: "rider" });
    expect(codeOf(await invite({ username, role: "admin" }))).toEqual([409, "USERNAME_TAKEN"]);
    expect(await shop.sql`select role from users where username = ${username}`).toEqual([{ role: "rider" }] as never);
  });

  test("is made by admins only, and by those who are admins still", async () => {
    const other = await shop.person("admin");
    await change(other, { role: "customer" });
    for (const as of [other, await shop.person("rider")]) {
      expect(codeOf(await invite({ username: newName(), role: "admin" }, as))).toEqual([403, "FORBIDDEN"]);
    }
  });

  test("is no admin who could be the last one", async () => {
    await invite({ username: newName(), role: "admin" });
    expect(codeOf(await change(admin, { disabled: true }))).toEqual([409, "LAST_ADMIN"]);
  });
});

const NEW_PASSWORD = "another fine password";
const reset = (username: string, code: string, newPassword = NEW_PASSWORD) =>
  shop.call("POST", "/api/password-resets", { username, code, newPassword });

describe("a one-time code", () => {
  const issue = async (user: Person) =>
    String((await by(admin, "POST", `/api/users/${user.id}/password-code`)).body["code"]);

  test("sets another password once and ends all sessions; the old password is good until then", async () => {
    const user = await shop.person();
    const code = await issue(user);
    const { body: second } = await shop.logIn(user.username);
    const answers = await Promise.all([reset(user.username, code), reset(user.username, code)]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204, 403]));
    for (const token of [user.tokens.refreshToken, String(second["refreshToken"])])
      expect((await shop.refresh(token)).status).toBe(401);
    expect((await shop.logIn(user.username)).status).toBe(401);
    expect((await shop.logIn(user.username, NEW_PASSWORD)).status).toBe(200);
    expect(codeOf(await reset(user.username, code))).toEqual([403, "INVALID_CODE"]);
  });

  test("is good for its user only, for 24 hours, until the next one", async () => {
    const [user, other] = [await shop.person(), await shop.person()];
    const first = await issue(user);
    const second = await issue(user);
    for (const [name, code] of [
      [other.username, second],
      ["nobody", second],
      [user.username, first],
      [user.username, "7K2MX-QW9RT-4HNPC-VB8DZ"],
    ] as const) {
      expect(codeOf(await reset(name, code))).toEqual([403, "INVALID_CODE"]);
    }
    // Issued a day and a moment ago.
    await shop.sql`update password_codes set expires_at = ${new Date(shop.clock.now() - 1)}`;
    expect(codeOf(await reset(user.username, second))).toEqual([403, "INVALID_CODE"]);
    const { body } = await by(admin, "POST", `/api/users/${user.id}/password-code`);
    expect(Date.parse(String(body["codeExpiresAt"])) - shop.clock.now()).toBe(24 * 3_600_000);
  });

  test("stays when the new password is too easy to guess", async () => {
    const user = await shop.person();
    const code = await issue(user);
    const weak = await reset(user.username, code, "password123");
    expect([weak.status, weak.body["errors"]]).toEqual([422, [{ path: "newPassword", message: expect.any(String) }]]);
    expect((await reset(user.username, code)).status).toBe(204);
  });

  test("does not bring back a disabled user, and is not shown in the audit trail or stored as it is", async () => {
    const user = await shop.person();
    const code = await issue(user);
    const { body } = await by(admin, "GET", `/api/audit?subjectId=${user.id}`);
    const stored = await shop.sql`select encode(code_hash, 'escape') as hash, users.* from password_codes, users`;
    expect(JSON.stringify([body, stored])).not.toContain(code.slice(0, 5));
    await change(user, { disabled: true });
    expect(codeOf(await reset(user.username, code))).toEqual([403, "ACCOUNT_DISABLED"]);
  });

  test("is issued by admins only, for somebody who is there", async () => {
    const user = await shop.person();
    expect((await by(user, "POST", `/api/users/${user.id}/password-code`)).status).toBe(403);
    const nobody = "0190a0a0-0000-7000-8000-000000000000";
    expect((await by(admin, "POST", `/api/users/${nobody}/password-code`)).status).toBe(404);
  });
});

describe("changing one's own password", () => {
  const changeOwn = (user: Person, currentPassword: string, newPassword = NEW_PASSWORD) =>
    by(user, "PUT", "/api/users/me/password", { currentPassword, newPassword });

  test("ends all other sessions and leaves this one", async () => {
    const user = await shop.person();
    const { body: other } = await shop.logIn(user.username);
    expect((await changeOwn(user, PASSWORD)).status).toBe(204);
    expect((await shop.refresh(String(other["refreshToken"]))).status).toBe(401);
    expect((await shop.refresh(user.tokens.refreshToken)).status).toBe(200);
    expect((await shop.logIn(user.username)).status).toBe(401);
    expect((await shop.logIn(user.username, NEW_PASSWORD)).status).toBe(200);
  });

  test("needs the current one, and guesses at it close the name", async () => {
    const user = await shop.person();
    for (let guess = 0; guess < 10; guess += 1)
      expect(codeOf(await changeOwn(user, "not this one"))).toEqual([403, "WRONG_PASSWORD"]);
    const closed = await changeOwn(user, PASSWORD);
    expect([...codeOf(closed), closed.headers.has("retry-after")]).toEqual([429, "TOO_MANY_FAILED_LOGINS", true]);
    expect(await lastAct(user)).toMatchObject({ action: "LOGIN_FAILED", actor: { id: user.id } });
  });

  test("to one that is too easy to guess is 422, and by a disabled user 401", async () => {
    const user = await shop.person();
    for (const weak of ["password123", user.username.padEnd(10, "x").slice(0, 9), "short"])
      expect((await changeOwn(user, PASSWORD, weak)).status).toBe(422);
    await change(user, { disabled: true });
    expect((await changeOwn(user, PASSWORD)).status).toBe(401);
  });
});

describe("one's own sessions", () => {
  const sessionsOf = async (user: Person) => {
    const { body } = await by(user, "GET", "/api/users/me/sessions");
    return body["items"] as readonly Session[];
  };

  test("are listed with what opened them and when, newest first, without those of others and those that have ended", async () => {
    const [user] = [await shop.person(), await shop.person()];
    await shop.logIn(user.username);
    const [newer, first] = await sessionsOf(user);
    expect(await sessionsOf(user)).toHaveLength(2);
    const at = new Date(shop.clock.now()).toISOString();
    const facts = { id: expect.any(String), createdAt: at, lastUsedAt: at, userAgent: "test browser" };
    expect([newer, first]).toEqual([
      { ...facts, isCurrent: false },
      { ...facts, isCurrent: true },
    ] as never);
    await shop.sql`update sessions set expires_at = ${new Date(shop.clock.now())} where id = ${newer?.id ?? ""}`;
    expect((await sessionsOf(user)).map(({ id }) => id)).toEqual([first?.id ?? ""]);
  });

  test("are ended one by one, each only by its user", async () => {
    const [user, other] = [await shop.person(), await shop.person()];
    const [session] = await sessionsOf(user);
    const path = `/api/users/me/sessions/${session?.id}`;
    expect((await by(other, "DELETE", path)).status).toBe(404);
    expect((await by(user, "DELETE", path)).status).toBe(204);
    expect((await shop.refresh(user.tokens.refreshToken)).status).toBe(401);
    expect((await by(user, "DELETE", path)).status).toBe(404);
    expect(await lastAct(user)).toMatchObject({ action: "SESSIONS_ENDED", after: { endedSession: session?.id ?? "" } });
    expect((await shop.refresh(other.tokens.refreshToken)).status).toBe(200);
  });

  test("all end at once", async () => {
    const [user, other] = [await shop.person(), await shop.person()];
    const { body } = await shop.logIn(user.username);
    expect((await by(user, "DELETE", "/api/users/me/sessions")).status).toBe(204);
    for (const token of [user.tokens.refreshToken, String(body["refreshToken"])])
      expect((await shop.refresh(token)).status).toBe(401);
    expect(await sessionsOf(user)).toBeEmpty();
    expect(await lastAct(user)).toMatchObject({ action: "SESSIONS_ENDED", after: { endedSessions: 2 } });
    expect((await shop.refresh(other.tokens.refreshToken)).status).toBe(200);
  });
});

describe("the command that makes an admin", () => {
  async function createAdmin(...words: readonly string[]) {
    const command = Bun.spawn([process.execPath, `${import.meta.dir}/create-admin.ts`, ...words], {
      env: { ...process.env, DATABASE_URL: shop.url, LOG_LEVEL: "info" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, error] = await Promise.all([new Response(command.stdout).text(), new Response(command.stderr).text()]);
    return { exitCode: await command.exited, text: out + error, code: /: ((?:\w{5}-){3}\w{5})\n/.exec(out)?.[1] ?? "" };
  }

  test("makes the first one of an empty shop, who sets their own password", async () => {
    await shop.sql`delete from users`;
    const { exitCode, code } = await createAdmin("boss");
    expect(exitCode).toBe(0);
    expect((await reset("boss", code)).status).toBe(204);
    const { body } = await shop.logIn("boss", NEW_PASSWORD);
    const token = String(body["accessToken"]);
    const { body: list } = await shop.call("GET", "/api/users", undefined, token);
    const [boss] = list["items"] as readonly Account[];
    expect(boss).toMatchObject({ username: "boss", role: "admin", hasPassword: true });
    const trail = await shop.call("GET", `/api/audit?action=USER_INVITED&subjectId=${boss?.id}`, undefined, token);
    expect(trail.body["items"]).toMatchObject([{ actor: null, after: { username: "boss", role: "admin" } }]);
  }, 60_000);

  test("gives an admin who has lost their password another code, and makes no admin of anybody else", async () => {
    const { code } = await createAdmin(admin.username);
    expect((await reset(admin.username, code)).status).toBe(204);
    const user = await shop.person();
    const refused = await createAdmin(user.username);
    expect([refused.exitCode, refused.code]).toEqual([1, ""]);
    expect(refused.text).toContain("this name is that of a user who is no admin");
    expect(await shop.sql`select role from users where id = ${user.id}`).toEqual([{ role: "customer" }] as never);
    for (const words of [[], ["No Name"], ["boss", "password"]]) {
      const misunderstood = await createAdmin(...words);
      expect([misunderstood.exitCode !== 0, misunderstood.text.includes("usage:")]).toEqual([true, true]);
    }
  }, 60_000);
});
