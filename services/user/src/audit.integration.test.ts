import { afterAll, beforeAll, expect, test } from "bun:test";
import type { AuditEntry } from "@shop/contracts/http/audit";
import { verifyAuditTrail } from "@shop/database/audit-trail";
import { connectDatabase } from "@shop/database/connect";
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
  admin = await shop.person("admin");
}, 120_000);
afterAll(() => shop.stop());

const audit = (query: string, { tokens }: Person = admin) =>
  shop.call("GET", `/api/audit${query}`, undefined, tokens.accessToken);
const itemsOf = ({ body }: Answered) => body["items"] as readonly AuditEntry[];
const about = async ({ id }: { readonly id: string }) => itemsOf(await audit(`?subjectId=${id}`));
const actionsOf = (entries: readonly AuditEntry[]) => entries.map(({ action }) => action);

test("signing up, logging in, failing to and logging out are each an entry, with who and from where", async () => {
  const user = await shop.person();
  await shop.logIn(user.username, "not this one");
  await shop.call("POST", "/logout", { refreshToken: user.tokens.refreshToken });
  await shop.call("POST", "/logout", { refreshToken: user.tokens.refreshToken });
  const entries = await about(user);
  expect(actionsOf(entries)).toEqual(["LOGGED_OUT", "LOGIN_FAILED", "LOGIN_SUCCEEDED", "SIGNED_UP"]);
  expect(entries[1]).toMatchObject({ actor: null, subject: { type: "user", id: user.id }, userAgent: "test browser" });
  expect(entries[2]?.actor).toEqual({ id: user.id, role: "customer" });
  expect(entries[3]?.after).toEqual({ username: user.username, role: "customer" });
  expect(JSON.stringify(entries)).not.toContain(PASSWORD);
});

test("a failed login with a name that nobody has is an entry without the name, which may be a password", async () => {
  await shop.logIn("my secret sentence", "not this one");
  const [entry] = itemsOf(await audit("?action=LOGIN_FAILED"));
  expect(entry).toMatchObject({ subject: { type: "user", id: null }, after: null });
  expect(JSON.stringify(entry)).not.toContain("secret");
});

test("a spent refresh token that comes again is an entry with the session that it ended", async () => {
  const user = await shop.person();
  await shop.refresh(user.tokens.refreshToken);
  await shop.refresh(user.tokens.refreshToken);
  const [entry] = await about(user);
  expect(entry).toMatchObject({ action: "REFRESH_TOKEN_REUSED", after: { endedSession: expect.any(String) } });
});

test("a login that is rolled back leaves no entry", async () => {
  const user = await shop.person();
  const before = await about(user);
  await shop.sql`alter table refresh_tokens add constraint none check (false) not valid`;
  try {
    expect((await shop.logIn(user.username)).status).toBe(500);
  } finally {
    await shop.sql`alter table refresh_tokens drop constraint none`;
  }
  expect(await about(user)).toEqual(before);
});

test("many logins at once are entries of one chain", async () => {
  const people = await Promise.all(Array.from({ length: 6 }, () => shop.person()));
  await Promise.all(people.map(({ username }) => shop.logIn(username)));
  const db = connectDatabase({ url: shop.url, applicationName: "verifier", max: 1 });
  try {
    expect(await verifyAuditTrail(db)).toMatchObject({ brokenAt: undefined });
  } finally {
    await db.$client.end();
  }
});

test("is read by admins only, page by page", async () => {
  const [customer, rider] = [await shop.person(), await shop.person("rider")];
  for (const other of [customer, rider]) expect((await audit("", other)).status).toBe(403);
  expect((await shop.call("GET", "/api/audit")).status).toBe(401);
  for (const query of ["?action=NOTHING", "?from=yesterday", "?actorId=1", "?who=me"]) {
    expect([query, (await audit(query)).status]).toEqual([query, 422]);
  }
  const first = await audit("?limit=2");
  const second = await audit(`?limit=2&cursor=${String(first.body["nextCursor"])}`);
  const all = itemsOf(await audit("?limit=4"));
  expect([...itemsOf(first), ...itemsOf(second)]).toEqual([...all]);
  const [oldest] = all.slice(-1);
  const since = itemsOf(await audit(`?from=${encodeURIComponent(oldest?.at ?? "")}&actorId=${admin.id}`));
  expect(since.every(({ actor }) => actor?.id === admin.id)).toBeTrue();
});

test("a command tells whether the trail is as it was written", async () => {
  const verify = async () => {
    const command = Bun.spawn([process.execPath, `${import.meta.dir}/verify-audit.ts`], {
      env: { ...process.env, DATABASE_URL: shop.url, LOG_LEVEL: "info" },
      stdout: "pipe",
      stderr: "pipe",
    });
    return [await command.exited, await new Response(command.stdout).text()];
  };
  const { body } = await audit("?limit=1");
  const [newest] = body["items"] as readonly AuditEntry[];
  expect(await verify()).toEqual([0, expect.stringContaining(newest?.hash ?? "no entry")]);
  await shop.sql`alter table audit_entry disable trigger user`;
  await shop.sql`update audit_entry set actor_id = ${admin.id} where seq = 3`;
  await shop.sql`alter table audit_entry enable trigger user`;
  expect(await verify()).toEqual([1, expect.stringContaining("entry 3 was changed")]);
}, 60_000);
