import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Account } from "@shop/contracts/http/account";
import type { AuditEntry } from "@shop/contracts/http/audit";
import { eventually } from "@shop/testing/eventually";
import { type Answered, type Person, type ServiceUnderTest, startUserService } from "./testing/service-under-test.ts";

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
      ...{ createdAt: expect.any(String), disabledAt: null },
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

  test("cannot be taken back by who has lost it, though their token says admin", async () => {
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
