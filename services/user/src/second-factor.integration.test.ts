import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { AuditEntry } from "@shop/contracts/http/audit";
import { Secret, TOTP } from "otpauth";
import {
  type Answered,
  PASSWORD,
  type Person,
  type ServiceUnderTest,
  startUserService,
} from "./testing/service-under-test.ts";

let shop: ServiceUnderTest;

beforeAll(async () => {
  shop = await startUserService();
}, 120_000);
afterAll(() => shop.stop());
beforeEach(() => shop.requireAdminSecondFactor(false));

const codeOf = ({ status, body }: Answered) => [status, body["code"]];
const by = (person: Person, method: string, path: string, json?: object) =>
  shop.call(method, path, json, person.tokens.accessToken);
const begin = ({ username }: Person, password = PASSWORD) =>
  shop.call("POST", "/api/second-factor", { username, password });
const logIn = ({ username }: Person, secondFactor?: string) =>
  shop.logIn(username, PASSWORD, secondFactor === undefined ? {} : { secondFactor });
/** What the app shows this many steps from now. */
const codeAt = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: shop.clock.now() + steps * 30_000 });
const nextStep = () => shop.clock.advance(60_000);
const renew = (person: Person, secondFactor: string) =>
  by(person, "POST", "/api/users/me/recovery-codes", { secondFactor });

/** Somebody with an active second factor, its secret and recovery codes. */
async function protectedPerson(role: Person["role"] = "customer") {
  const person = await shop.person(role);
  const secret = String((await begin(person)).body["secret"]);
  const { body } = await renew(person, codeAt(secret));
  await nextStep();
  return { person, secret, recoveryCodes: body["recoveryCodes"] as readonly string[] };
}

async function actsOf({ id }: Person): Promise<readonly string[]> {
  const admin = await shop.person("admin");
  const { body } = await by(admin, "GET", `/api/audit?subjectId=${id}`);
  return (body["items"] as readonly AuditEntry[]).map(({ action }) => action);
}

describe("a second factor", () => {
  test("is begun with the password, not asked for until its first code was used, and then at each login", async () => {
    const person = await shop.person();
    expect(codeOf(await begin(person, "not this one"))).toEqual([403, "WRONG_PASSWORD"]);
    const { status, body } = await begin(person);
    const secret = String(body["secret"]);
    expect([status, body["uri"]]).toEqual([201, expect.stringContaining(`secret=${secret}`)]);
    expect((await logIn(person)).status).toBe(200);
    expect((await logIn(person, codeAt(secret))).status).toBe(200);
    expect(codeOf(await logIn(person))).toEqual([403, "SECOND_FACTOR_REQUIRED"]);
    expect(codeOf(await begin(person))).toEqual([409, "SECOND_FACTOR_ACTIVE"]);
    await nextStep();
    expect((await logIn(person, codeAt(secret))).status).toBe(200);
    expect(await actsOf(person)).toContain("SECOND_FACTOR_ACTIVATED");
  });

  test("takes a code once, from one step before to one after, also of two who use it at once", async () => {
    const { person, secret } = await protectedPerson();
    for (const steps of [-2, 2])
      expect(codeOf(await logIn(person, codeAt(secret, steps)))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    const code = codeAt(secret);
    const answers = await Promise.all([logIn(person, code), logIn(person, code)]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 403]));
    // Older than the one that was used.
    expect(codeOf(await logIn(person, codeAt(secret, -1)))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    expect((await logIn(person, codeAt(secret, 1))).status).toBe(200);
  });

  test("is not told to who lacks the password, and wrong codes close the name", async () => {
    const { person, secret } = await protectedPerson();
    const wrong = await shop.logIn(person.username, "not this one", { secondFactor: codeAt(secret) });
    expect(codeOf(wrong)).toEqual([401, "INVALID_CREDENTIALS"]);
    for (let guess = 0; guess < 9; guess += 1)
      expect(codeOf(await logIn(person, "000000"))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    expect(codeOf(await logIn(person, codeAt(secret)))).toEqual([429, "TOO_MANY_FAILED_LOGINS"]);
    expect(codeOf(await renew(person, codeAt(secret)))).toEqual([429, "TOO_MANY_FAILED_LOGINS"]);
  });

  test("asking for a code that was left out is no failed login", async () => {
    const { person, secret } = await protectedPerson();
    for (let attempt = 0; attempt < 12; attempt += 1) await logIn(person);
    expect((await logIn(person, codeAt(secret))).status).toBe(200);
  });

  test("is removed with the password and a code", async () => {
    const { person, secret } = await protectedPerson();
    const remove = (secondFactor: string) =>
      shop.call("POST", "/api/second-factor/removal", { username: person.username, password: PASSWORD, secondFactor });
    expect(codeOf(await remove("000000"))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    expect((await remove(codeAt(secret))).status).toBe(204);
    expect((await logIn(person)).status).toBe(200);
    expect(codeOf(await remove(codeAt(secret, 1)))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    expect(await actsOf(person)).toContain("SECOND_FACTOR_REMOVED");
  });

  test("stays when the password is reset by a one-time code", async () => {
    const { person, secret } = await protectedPerson();
    const admin = await shop.person("admin");
    const { body } = await by(admin, "POST", `/api/users/${person.id}/password-code`);
    const reset = { username: person.username, code: String(body["code"]), newPassword: PASSWORD };
    expect((await shop.call("POST", "/api/password-resets", reset)).status).toBe(204);
    expect(codeOf(await logIn(person))).toEqual([403, "SECOND_FACTOR_REQUIRED"]);
    expect((await logIn(person, codeAt(secret))).status).toBe(200);
  });

  test("that was lost is removed by an admin, which ends the user's sessions", async () => {
    const { person } = await protectedPerson();
    const [admin, other] = [await shop.person("admin"), await shop.person()];
    const path = `/api/users/${person.id}/second-factor-reset`;
    expect((await by(other, "POST", path)).status).toBe(403);
    expect((await by(admin, "POST", path)).status).toBe(204);
    expect((await by(admin, "POST", path)).status).toBe(404);
    expect((await shop.refresh(person.tokens.refreshToken)).status).toBe(401);
    expect((await logIn(person)).status).toBe(200);
  });
});

describe("recovery codes", () => {
  test("log in once each, in small letters too, and are replaced by new ones", async () => {
    const { person, secret, recoveryCodes } = await protectedPerson();
    expect(new Set(recoveryCodes).size).toBe(10);
    const [first = "", second = ""] = recoveryCodes;
    expect((await logIn(person, first.toLowerCase())).status).toBe(200);
    expect(codeOf(await logIn(person, first))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    const state = await by(person, "GET", "/api/users/me/second-factor");
    expect(state.body).toEqual({ isActive: true, recoveryCodes: 9 });
    expect((await renew(person, codeAt(secret))).status).toBe(201);
    expect(codeOf(await logIn(person, second))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    const acts = await actsOf(person);
    expect(acts).toContain("RECOVERY_CODE_USED");
    expect(acts.filter((act) => act === "RECOVERY_CODES_RENEWED")).toHaveLength(2);
  });

  test("are not given without a code of the app, nor for one that was never begun", async () => {
    const { person } = await protectedPerson();
    expect(codeOf(await renew(person, "000000"))).toEqual([403, "INVALID_SECOND_FACTOR"]);
    expect(codeOf(await renew(await shop.person(), "000000"))).toEqual([403, "INVALID_SECOND_FACTOR"]);
  });

  test("and secrets are in no answer but the one that gives them, and codes are stored as hashes", async () => {
    const { person, secret, recoveryCodes } = await protectedPerson();
    const admin = await shop.person("admin");
    const shown = [
      await by(admin, "GET", `/api/users/${person.id}`),
      await by(admin, "GET", `/api/audit?subjectId=${person.id}`),
      await by(person, "GET", "/api/users/me/second-factor"),
    ].map(({ body }) => body);
    const stored = await shop.sql`select encode(code_hash, 'escape') as hash from recovery_codes`;
    for (const each of [secret, ...recoveryCodes]) expect(JSON.stringify([shown, stored])).not.toContain(each);
  });
});

describe("where admins need a second factor", () => {
  test("one who has none sets it up at the next login, and sessions of before are not refreshed", async () => {
    const [admin, rider] = [await shop.person("admin"), await shop.person("rider")];
    shop.requireAdminSecondFactor(true);
    expect((await shop.refresh(rider.tokens.refreshToken)).status).toBe(200);
    expect(codeOf(await shop.refresh(admin.tokens.refreshToken))).toEqual([401, "INVALID_REFRESH_TOKEN"]);
    expect(codeOf(await logIn(admin))).toEqual([403, "SECOND_FACTOR_SETUP_REQUIRED"]);
    const { body } = await begin(admin);
    const secret = String(body["secret"]);
    expect(codeOf(await logIn(admin))).toEqual([403, "SECOND_FACTOR_SETUP_REQUIRED"]);
    const { status, body: tokens } = await logIn(admin, codeAt(secret));
    expect(status).toBe(200);
    expect((await shop.refresh(String(tokens["refreshToken"]))).status).toBe(200);
    expect((await logIn(rider)).status).toBe(200);
  });
});
