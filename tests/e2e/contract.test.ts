import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { calls, type Call, pathsWithMethods, UNKNOWN_ID } from "../support/calls.ts";
import { errorPaths, exchange, send, tokenOf } from "../support/requests.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

/** Who may call what, in which order it is checked, and what a body or a query may be: the contract's section on HTTP. */
const roles = ["customer", "rider", "admin"] as const;
const JSON_TYPE = "application/json";
const TOO_LARGE = "x".repeat(262_145);

let shop: TestSystem;
let tokens: Readonly<Record<(typeof roles)[number], string>>;
/** The same call through all hops, and at the service's own port, which must not believe anybody more. */
let hops: readonly { readonly name: string; readonly urlOf: (call: Call) => string }[];
let url: string;

beforeAll(async () => {
  shop = await startTestSystem();
  const { frontendUrl, gatewayUrl, services } = shop.system;
  url = frontendUrl;
  const [customer, rider, admin] = await Promise.all(roles.map((role) => tokenOf(url, role)));
  tokens = { customer: customer ?? "", rider: rider ?? "", admin: admin ?? "" };
  hops = [
    { name: "frontend", urlOf: () => frontendUrl },
    { name: "gateway", urlOf: () => gatewayUrl },
    { name: "service", urlOf: ({ service }) => services[service].url },
  ];
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

const allowedToken = ({ who }: Call) => (who === "anyone" ? undefined : tokens[who[0]]);
const withBody = calls.filter(({ json }) => json !== undefined);
const withId = calls.filter(({ path }) => path.includes(UNKNOWN_ID));

describe("who may call", () => {
  test.each(calls)("$method $path", async (call) => {
    const { method, path, who, emptyAnswer } = call;
    for (const { name, urlOf } of hops) {
      const statusOf = async (headers: Record<string, string> = {}, query = "") =>
        (await send(urlOf(call), { method, path: path + query, headers })).status;
      const refused = who === "anyone" ? emptyAnswer : 401;
      const identity = { "x-user-id": UNKNOWN_ID, "x-user-role": "admin", "x-forwarded-user": "admin" };
      const worthless = ["Bearer x.y.z", "Bearer", `Basic ${btoa("admin:admin-password")}`, `Bearer ${tokens.admin}=`];
      expect([name, await statusOf(), await statusOf(identity)]).toEqual([name, refused, refused]);
      for (const authorization of worthless) {
        expect([name, authorization, await statusOf({ authorization })]).toEqual([name, authorization, refused]);
      }
      if (who !== "anyone") expect(await statusOf({}, `?access_token=${tokens.admin}`)).toBe(401);
      for (const role of roles) {
        const status = await statusOf({ authorization: `Bearer ${tokens[role]}`, "x-user-role": "admin" });
        const expected = who === "anyone" || who.includes(role) ? emptyAnswer : 403;
        expect([name, role, status]).toEqual([name, role, expected]);
      }
    }
  });
});

describe("404 and 405 come before everything else", () => {
  test.each(pathsWithMethods)("$path allows $allow", async ({ path, allow, service }) => {
    for (const base of [url, shop.system.services[service].url]) {
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]) {
        if (allow.includes(method)) continue;
        const body = method === "GET" || method === "HEAD" ? undefined : TOO_LARGE;
        const { status, headers } = await send(base, { method, path, token: "x.y.z", body });
        const named = (headers.get("allow") ?? "").split(", ").toSorted();
        expect([method, status, named]).toEqual([method, 405, allow.toSorted()]);
      }
      for (const unknown of [`${path}/`, `${path}//`, `${path}/x/y`, path.replace("/", "/x")]) {
        const { status } = await send(base, { method: "POST", path: unknown, token: "x.y.z", body: TOO_LARGE });
        expect([unknown, status]).toEqual([unknown, 404]);
      }
    }
  });

  test("what is for the management port is 404 on every public one", async () => {
    for (const { url: base } of Object.values(shop.system.services)) {
      for (const path of ["/livez", "/readyz", "/metrics", "//metrics", "/livez/"]) {
        expect((await send(base, { method: "GET", path })).status).toBe(404);
      }
    }
  });
});

describe("of two errors the earlier one wins: 401, 403, 413, 415, 400, 422, 404", () => {
  test.each(withBody)("$method $path", async (call) => {
    const { method, path, who, json } = call;
    const token = allowedToken(call);
    const statusOf = async (body: string, headers: Record<string, string> = {}, to = path, as = token) =>
      (await send(url, { method, path: to, token: as, headers, body })).status;
    const text = { "content-type": "text/plain" };
    const zipped = { "content-encoding": "gzip" };
    const good = JSON.stringify(json);
    expect(await statusOf(TOO_LARGE, text)).toBe(413);
    expect([await statusOf("{", text), await statusOf("{", zipped)]).toEqual([415, 415]);
    expect(await statusOf("{", {}, `${path}?x=1`)).toBe(400);
    expect([await statusOf(good, {}, `${path}?x=1`), await statusOf('{"zz":1}')]).toEqual([422, 422]);
    if (who !== "anyone") {
      expect(await statusOf(TOO_LARGE, {}, path, "x.y.z")).toBe(401);
      const other = roles.find((role) => !who.includes(role));
      if (other !== undefined) expect(await statusOf(TOO_LARGE, {}, path, tokens[other])).toBe(403);
    }
    if (path.includes(UNKNOWN_ID)) {
      const odd = path.replace(UNKNOWN_ID, "no-uuid");
      expect([await statusOf('{"zz":1}', {}, odd), await statusOf(good, {}, odd)]).toEqual([422, 404]);
    }
  });

  test.each(withId)("an id that is unknown or no UUID is 404: $method $path", async (call) => {
    const { method, path, json } = call;
    const odd = [UNKNOWN_ID.toUpperCase(), UNKNOWN_ID.replaceAll("-", ""), "%00", "%ff", "me", "1", "a%2Fb", "%27--"];
    for (const id of [UNKNOWN_ID, ...odd]) {
      const to = path.replace(UNKNOWN_ID, id);
      if (pathsWithMethods.some((known) => known.path === to)) continue;
      const { status } = await send(url, { method, path: to, token: allowedToken(call), json });
      expect([id, status]).toEqual([id, 404]);
    }
  });
});

const jsonBodies: readonly (readonly [rule: string, status: number | readonly number[], body: string])[] = [
  ["empty", 400, ""],
  ["not JSON", 400, "{'a':1}"],
  ["more than one value", 400, "{} {}"],
  ["NaN", 400, '{"a":NaN}'],
  ["NUL in a value", 400, '{"a":"\\u0000"}'],
  ["NUL in a key", 400, '{"\\u0000":1}'],
  ["half of a surrogate pair", 400, '{"a":[{"b":"\\ud800x"}]}'],
  ["halves in the wrong order", 400, '{"a":"\\udc00\\ud800"}'],
  ["null", 422, "null"],
  ["a list", 422, "[]"],
  ["a number", 422, "1"],
  ["__proto__", 422, '{"__proto__":{"role":"admin"}}'],
  ["a whole pair", 422, '{"a":"\\ud83d\\ude00"}'],
  ["nested deeply", [400, 422], `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
];
const contentTypes: readonly (readonly [type: string, status: number])[] = [
  [JSON_TYPE, 422],
  [`${JSON_TYPE}; charset=utf-8`, 422],
  ["Application/JSON;charset=UTF-8", 422],
  [`${JSON_TYPE}; charset=iso-8859-1`, 415],
  ["application/problem+json", 415],
  ["text/plain", 415],
  ["multipart/form-data; boundary=x", 415],
];

describe("a body", () => {
  test.each(withBody)("$method $path", async (call) => {
    const { method, path, json } = call;
    const token = allowedToken(call);
    for (const [rule, expected, body] of jsonBodies) {
      const { status } = await send(url, { method, path, token, body });
      expect([rule, [expected].flat().includes(status), status]).toEqual([rule, true, status]);
    }
    for (const [type, expected] of contentTypes) {
      const { status } = await send(url, { method, path, token, body: '{"zz":1}', headers: { "content-type": type } });
      expect([type, status]).toEqual([type, expected]);
    }
    const invalid = await send(url, { method, path, token, body: new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]) });
    expect(invalid.status).toBe(400);
    const unknownField = await send(url, { method, path, token, json: { ...Object(json), zz: 1 } });
    expect([unknownField.status, errorPaths(unknownField.body)]).toEqual([422, ["zz"]]);
    const atLimit = JSON.stringify({ zz: "x".repeat(262_144 - 9) });
    expect([atLimit.length, (await send(url, { method, path, token, body: atLimit })).status]).toEqual([262_144, 422]);
  });

  test("in chunks is counted as well, and its answer arrives although the caller still sends", async () => {
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    for (const base of [shop.system.frontendUrl, shop.system.gatewayUrl, shop.system.services.user.url]) {
      const head = `POST /login HTTP/1.1\r\nHost: shop\r\nContent-Type: ${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n`;
      const pieces = [head, ...Array.from({ length: 60 }, () => chunk), "0\r\n\r\n"];
      for (let attempt = 0; attempt < 5; attempt += 1) expect((await exchange(base, pieces)).status).toBe(413);
      const small = [head, `6\r\n{"zz":\r\n`, "2\r\n1}\r\n", "0\r\n\r\n"];
      expect((await exchange(base, small)).status).toBe(422);
    }
  });
});

const queries: readonly (readonly [query: string, status: number, path?: string])[] = [
  ["", 200],
  ["limit=1", 200],
  ["limit=100", 200],
  ...["0", "101", "01", "1.5", "1e1", "-1", "", "%201", "abc", "1%00"].map(
    (limit) => [`limit=${limit}`, 422, "limit"] as const,
  ),
  ["limit=1&limit=1", 422, "limit"],
  ["Limit=1", 422, "Limit"],
  ["x=1", 422, "x"],
  ["x", 422, "x"],
  ["=1", 422],
  ["__proto__=1", 422],
  ["limit[]=1", 422],
  ["cursor=", 422, "cursor"],
  ["cursor=x", 422, "cursor"],
  ["cursor=%ff", 422, "cursor"],
  [`cursor=${"a".repeat(5_000)}`, 422, "cursor"],
];
const filters: readonly (readonly [path: string, status: number])[] = [
  ["/api/deliveries?status=PENDING", 200],
  ["/api/deliveries?status=pending", 422],
  ["/api/deliveries?status=", 422],
  ["/api/deliveries?status=PENDING&status=PENDING", 422],
  ["/api/deliveries?orderId=x", 422],
  [`/api/deliveries?orderId=${UNKNOWN_ID}`, 200],
  ["/api/sagas?status=x", 422],
  ["/api/sagas?step=WAIT_FOR_RIDER", 200],
  ["/api/sagas?step=x", 422],
  ["/api/orders?status=PENDING", 200],
  ["/api/orders?status=x", 422],
  ["/api/orders?state=PENDING", 422],
];

describe("a query", () => {
  test.each(["/api/products", "/api/orders", "/api/deliveries", "/api/sagas"])("of the list %s", async (list) => {
    for (const [query, expected, path] of queries) {
      const received = await send(url, { method: "GET", path: `${list}?${query}`, token: tokens.admin });
      expect([query, received.status]).toEqual([query, expected]);
      if (path !== undefined) expect(errorPaths(received.body)).toContain(path);
      if (expected === 200) expect(Object.keys(received.body).toSorted()).toEqual(["items", "nextCursor"]);
    }
  });

  test.each(filters)("%s is %d", async (path, expected) => {
    expect((await send(url, { method: "GET", path, token: tokens.admin })).status).toBe(expected);
  });
});

describe("X-Request-Id", () => {
  test("of the caller is kept through all hops when it matches, else replaced", async () => {
    for (const { urlOf } of hops) {
      const me = calls.find(({ path }) => path === "/api/users/me");
      if (me === undefined) throw new Error("no such call");
      const idFor = async (given: string) =>
        (await send(urlOf(me), { ...me, json: undefined, headers: { "x-request-id": given } })).headers.get(
          "x-request-id",
        );
      for (const kept of ["abcdefgh", "A-b_c-123", "a".repeat(64)]) expect(await idFor(kept)).toBe(kept);
      for (const odd of ["abcdefg", "a".repeat(65), "abc defgh", "abcdefgh;"]) expect(await idFor(odd)).not.toBe(odd);
    }
  });
});
