import { beforeEach, describe, expect, test } from "bun:test";
import { z } from "zod";
import { defineEndpoint, defineEventStream } from "@shop/contracts/http/define";
import { Problem } from "@shop/contracts/http/problem";
import { eventually } from "@shop/testing/eventually";
import { systemClock } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { done, problem, type ProblemAnswer } from "../request/answer.ts";
import { events, type EventsAnswer, type NoMoreEvents, noMoreEvents } from "../streaming/event-stream.ts";
import { createStreamPermits } from "../streaming/stream-permits.ts";
import { ManualClock } from "@shop/testing/clock";
import { createApp, type HttpApp } from "./app.ts";
import { UnavailableError } from "../request/errors.ts";
import { createRateLimit } from "../auth/rate-limit.ts";
import type { TokenVerifier } from "../auth/token-verifier.ts";

const USER_ID = "01939e6a-7c00-7000-8000-000000000001";
const OTHER_ID = "01939e6a-7c00-7000-8000-000000000002";
const OTHERS_TOKEN = "token-of-another-customer";
const ITEM_ID = "01939E6A-7C00-7000-8000-0000000000FF";
const base = { service: "order", summary: "", access: "anyone" } as const;
const json = { status: 200, schema: z.unknown() } as const;

const createItem = defineEndpoint({
  ...base,
  name: "createItem",
  method: "POST",
  path: "/items",
  access: ["customer"],
  body: z.strictObject({ name: z.string().min(1), tags: z.array(z.strictObject({ label: z.string() })).optional() }),
  headers: { "idempotency-key": z.string().regex(/^[\x21-\x7e]{1,200}$/) },
  success: { status: 201, schema: z.object({ name: z.string() }) },
});
const listItems = defineEndpoint({
  ...base,
  name: "listItems",
  method: "GET",
  path: "/items",
  query: z.strictObject({ limit: z.string().regex(/^\d+$/).transform(Number).default(20) }),
  success: json,
});
const getItem = defineEndpoint({ ...base, name: "getItem", method: "GET", path: "/items/{id}", success: json });
const closeItem = defineEndpoint({
  ...base,
  name: "closeItem",
  method: "PUT",
  path: "/items/{id}/close",
  success: json,
});
const whoAmI = defineEndpoint({
  ...base,
  name: "whoAmI",
  method: "GET",
  path: "/me",
  access: ["customer", "admin"],
  success: json,
});
const removeItem = defineEndpoint({
  ...base,
  name: "removeItem",
  method: "DELETE",
  path: "/items/{id}",
  access: ["admin"],
  success: { status: 204, schema: undefined },
});
const failing = defineEndpoint({ ...base, name: "failing", method: "GET", path: "/failing", success: json });

const expiresAtMs = Number.POSITIVE_INFINITY;
const verifier: Pick<TokenVerifier, "verify"> = {
  async verify(token) {
    if (token === "keys-away") throw new UnavailableError("no keys");
    if (token === OTHERS_TOKEN) return { id: OTHER_ID, role: "customer", expiresAtMs };
    return token === "customer" || token === "admin" ? { id: USER_ID, role: token, expiresAtMs } : undefined;
  },
};

let lines: string[];
let metrics: Metrics;
let fault: () => unknown;
let app: HttpApp;

beforeEach(() => {
  lines = [];
  metrics = createMetrics();
  fault = () => new Error("secret detail");
  app = buildApp({});
});

/** The series of a metric, without its name. */
async function shown(name: string): Promise<readonly string[]> {
  const series = (await metrics.expose()).split("\n").filter((line) => line.startsWith(`${name}{`));
  return series.map((line) => line.slice(name.length)).toSorted();
}

function buildApp(options: Partial<Parameters<typeof createApp>[0]>): HttpApp {
  const built = createApp({
    service: "order",
    clock: systemClock,
    logger: createLogger({ service: "order", level: "debug", clock: systemClock, write: (line) => lines.push(line) }),
    metrics,
    verifier,
    ...options,
  });
  built.handle(createItem, ({ body, headers }) =>
    done({ name: body.name }, { location: "/items/1", "x-key": headers["idempotency-key"] ?? "none" }),
  );
  built.handle(listItems, ({ query }) => done({ limit: query.limit }));
  built.handle(getItem, ({ id }) => done({ id }));
  built.handle(closeItem, () => problem("ORDER_ENDED", "The order is COMPLETE."));
  built.handle(removeItem, () => done());
  built.handle(whoAmI, ({ principal, requestId, traceparent }) => done({ principal, requestId, traceparent }));
  built.handle(failing, async () => {
    await Promise.resolve();
    throw fault();
  });
  built.raw({ method: "GET", path: "/page", access: "anyone" }, () => new Response("<p>", { status: 203 }));
  return built;
}

const asCustomer = { authorization: "Bearer customer" };
const asJson = { "content-type": "application/json", ...asCustomer };
const post = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, headers: Record<string, string> = asJson) =>
  app.request("/items", { method: "POST", headers, body });

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = Problem.parse(await response.json());
  expect(body.status).toBe(response.status);
  expect(body.requestId).toBe(response.headers.get("x-request-id") ?? "");
  return body;
}

async function expectProblem(response: Response | Promise<Response>, status: number, code: string): Promise<Problem> {
  const answer = await response;
  const body = await problemOf(answer);
  expect([answer.status, body.code as string]).toEqual([status, code]);
  return body;
}

describe("paths and methods", () => {
  test("an unknown path is 404, also with a trailing slash", async () => {
    for (const path of [
      "/nothing",
      "/items/",
      "/Items",
      "//items",
      "/livez",
      "/readyz",
      "/metrics",
      `/items/${ITEM_ID}/`,
    ]) {
      await expectProblem(app.request(path), 404, "NOT_FOUND");
    }
  });

  test("a wrong method is 405 with Allow, before anything else is looked at", async () => {
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await app.request("/items", { method, headers: { authorization: "Bearer bad" } });
      expect(response.headers.get("allow")).toBe("POST, GET, HEAD");
      await expectProblem(response, 405, "METHOD_NOT_ALLOWED");
    }
    const response = await app.request(`/items/${ITEM_ID}`, { method: "POST" });
    expect(response.headers.get("allow")).toBe("GET, HEAD, DELETE");
  });

  test("HEAD answers as GET does, without a body", async () => {
    const response = await app.request("/items", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(response.headers.get("x-request-id")).not.toBeNull();
  });

  test("an id that is no UUID is 404, but only after the query was checked", async () => {
    for (const id of ["1", "%00", "..%2f", `${ITEM_ID}x`])
      await expectProblem(app.request(`/items/${id}`), 404, "NOT_FOUND");
    await expectProblem(app.request("/items/1?x=1"), 422, "INVALID_REQUEST");
  });

  test("an id is handed on in lower case", async () => {
    expect(await (await app.request(`/items/${ITEM_ID}`)).json()).toEqual({ id: ITEM_ID.toLowerCase() });
  });
});

describe("who calls", () => {
  test("no token, a bad token and another scheme are 401 with WWW-Authenticate", async () => {
    const spoofed = { "x-user-id": USER_ID, "x-user-role": "admin", "x-forwarded-user": USER_ID };
    for (const headers of [
      {},
      { authorization: "Bearer bad" },
      { authorization: "Basic customer" },
      { authorization: "Bearer" },
      spoofed,
    ]) {
      const response = await app.request("/me", { headers });
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      await expectProblem(response, 401, "UNAUTHENTICATED");
    }
  });

  test("the principal comes from the token alone, whatever identity headers say", async () => {
    const headers = { authorization: "bearer customer", "x-user-id": "other", "x-user-role": "admin" };
    const response = await app.request("/me", { headers });
    expect(await response.json()).toMatchObject({ principal: { id: USER_ID, role: "customer" } });
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("a role that may not is 403, before the body is looked at", async () => {
    const response = post("not json", { authorization: "Bearer admin", "content-type": "text/plain" });
    await expectProblem(response, 403, "FORBIDDEN");
  });

  test("a bad token on a call for anyone is ignored", async () => {
    expect((await app.request("/items", { headers: { authorization: "Bearer bad" } })).status).toBe(200);
  });

  test("keys that cannot be fetched are 503 with Retry-After", async () => {
    const response = await app.request("/me", { headers: { authorization: "Bearer keys-away" } });
    expect(response.headers.get("retry-after")).toBe("1");
    await expectProblem(response, 503, "UNAVAILABLE");
  });

  test("more requests than the user's bucket holds are 429 with Retry-After, the next second is free again", async () => {
    let nowMs = 0;
    const clock = { ...systemClock, now: () => nowMs, elapsed: () => nowMs };
    app = buildApp({ rateLimit: createRateLimit({ clock, perSecond: 2 }) });
    const call = () => app.request("/me", { headers: asCustomer });
    const told = ({ status, headers }: Response) => [status, headers.get("ratelimit-policy"), headers.get("ratelimit")];
    const policy = '"user";q=2;w=1';
    expect(told(await call())).toEqual([200, policy, '"user";r=1;t=1']);
    expect(told(await call())).toEqual([200, policy, '"user";r=0;t=1']);
    const refused = await call();
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(told(refused)).toEqual([429, policy, '"user";r=0;t=1']);
    await expectProblem(refused, 429, "TOO_MANY_REQUESTS");
    nowMs = 1000;
    expect((await call()).status).toBe(200);
  });

  test("the fields of both limits are told, those of a hop behind among them", async () => {
    const clock = { ...systemClock, elapsed: () => 0 };
    const addressRateLimit = {
      limit: createRateLimit({ clock, name: "address", perSecond: 50 }),
      addressOf: () => "203.0.113.7",
    };
    app = buildApp({ rateLimit: createRateLimit({ clock, perSecond: 2 }), addressRateLimit });
    const own = await app.request("/me", { headers: asCustomer });
    expect(own.headers.get("ratelimit-policy")).toBe('"address";q=50;w=1, "user";q=2;w=1');
    expect(own.headers.get("ratelimit")).toBe('"address";r=49;t=1, "user";r=1;t=1');
    app = buildApp({ addressRateLimit });
    app.raw({ method: "GET", path: "/behind", access: "anyone" }, () =>
      Response.json({}, { headers: { "ratelimit-policy": '"user";q=2;w=1', ratelimit: '"user";r=1;t=1' } }),
    );
    const both = await app.request("/behind");
    expect(both.headers.get("ratelimit-policy")).toBe('"user";q=2;w=1, "address";q=50;w=1');
  });

  test("a user's requests take nothing of another's bucket, and those that they may not make count as well", async () => {
    const clock = { ...systemClock, elapsed: () => 0 };
    app = buildApp({ rateLimit: createRateLimit({ clock, perSecond: 2 }) });
    const removeAs = (authorization: string) =>
      app.request(`/items/${ITEM_ID}`, { method: "DELETE", headers: { authorization } });
    const statuses: number[] = [];
    for (const token of ["customer", "customer", "customer", OTHERS_TOKEN])
      statuses.push((await removeAs(`Bearer ${token}`)).status);
    expect(statuses).toEqual([403, 403, 429, 403]);
  });
});

describe("bodies", () => {
  test("a good body is answered 201 with the handler's headers", async () => {
    const response = await post('{"name":"a"}', { ...asJson, "idempotency-key": "k" });
    expect([response.status, await response.json()]).toEqual([201, { name: "a" }]);
    expect(response.headers.get("location")).toBe("/items/1");
    expect(response.headers.get("x-key")).toBe("k");
  });

  test("large ones that are on their way take so much memory and no more, and small ones are not in their way", async () => {
    const ends: (() => void)[] = [];
    const stalled = Array.from({ length: 64 }, () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new Uint8Array(262_144));
          ends.push(() => controller.close());
        },
      });
      return post(body, asJson);
    });
    const small = '{"name":"a"}';
    const large = `{"name":"a"${" ".repeat(20_000)}}`;
    // Whether it tells its length or does not.
    await eventually(() => expectProblem(post(large, asJson), 503, "UNAVAILABLE"));
    await expectProblem(post(large, { ...asJson, "content-length": String(large.length) }), 503, "UNAVAILABLE");
    expect((await post(small, asJson)).status).toBe(201);
    for (const end of ends) end();
    expect(new Set((await Promise.all(stalled)).map(({ status }) => status))).toEqual(new Set([400]));
    expect((await post(large, asJson)).status).toBe(201);
  });

  test("more than 262,144 bytes are 413, by the declared length and by counting, before the media type", async () => {
    const huge = JSON.stringify({ name: "x".repeat(262_144) });
    const wrongType = { ...asJson, "content-type": "text/plain" };
    await expectProblem(post(huge, { ...wrongType, "content-length": String(huge.length) }), 413, "BODY_TOO_LARGE");
    await expectProblem(post(huge, wrongType), 413, "BODY_TOO_LARGE");
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    await expectProblem(post(endless, asJson), 413, "BODY_TOO_LARGE");
    expect(pulled * 65_536).toBeLessThan(32 * 1024 * 1024);
  });

  test("exactly 262,144 bytes are read", async () => {
    const frame = JSON.stringify({ name: "" }).length;
    const largest = JSON.stringify({ name: "x".repeat(262_144 - frame) });
    expect((await post(largest)).status).toBe(201);
    expect((await post(largest, { ...asJson, "content-length": "262144" })).status).toBe(201);
    await expectProblem(post(JSON.stringify({ name: "x".repeat(262_145 - frame) })), 413, "BODY_TOO_LARGE");
  });

  test("a body in chunks is read like any other", async () => {
    const chunks = ['{"na', 'me":"', "ü", '"}'].map((text) => new TextEncoder().encode(text));
    const body = new ReadableStream({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    expect(await (await post(body)).json()).toEqual({ name: "ü" });
  });

  test("any media type but application/json, and any Content-Encoding, are 415", async () => {
    for (const type of [
      "text/plain",
      "application/jsonp",
      "application/problem+json",
      "application/json, text/plain",
      "application/json; charset=utf-16",
      "",
    ]) {
      await expectProblem(post("{", { ...asJson, "content-type": type }), 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for (const encoding of ["gzip", "identity", "br"]) {
      await expectProblem(
        post('{"name":"a"}', { ...asJson, "content-encoding": encoding }),
        415,
        "UNSUPPORTED_MEDIA_TYPE",
      );
    }
  });

  test("application/json may be written in any case and name UTF-8 as its charset", async () => {
    for (const type of [
      "application/json; charset=utf-8",
      'Application/JSON;charset="UTF-8"',
      "application/json ; charset=utf8",
    ]) {
      expect((await post('{"name":"a"}', { ...asJson, "content-type": type })).status).toBe(201);
    }
  });

  test("what is not JSON, not UTF-8, or holds NUL or a lone surrogate anywhere is 400", async () => {
    const broken = [
      "",
      "{",
      "{'name':1}",
      "NaN",
      '{"name":"a"}x',
      '{"name":"\\u0000"}',
      '{"name":"\\ud800"}',
      '{"name":"\\uDC00\\uD800"}',
    ];
    const deep = [
      '{"\\u0000":1}',
      '{"x":[{"\\udfff":1}]}',
      '{"tags":[{"label":["\\ud83d"]}]}',
      '["\\u0000"]',
      '"\\u0000"',
    ];
    for (const body of [...broken, ...deep, "[".repeat(100_000)])
      await expectProblem(post(body), 400, "MALFORMED_BODY");
    await expectProblem(post(new Uint8Array([0x22, 0xff, 0x22])), 400, "MALFORMED_BODY");
    await expectProblem(post(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])), 400, "MALFORMED_BODY");
  });

  test("a whole surrogate pair and an escaped backslash are fine", async () => {
    expect(await (await post('{"name":"\\ud83d\\ude00"}')).json()).toEqual({ name: "😀" });
    expect(await (await post('{"name":"\\\\u0000"}')).json()).toEqual({ name: "\\u0000" });
  });

  test("a body on a call that takes none is ignored", async () => {
    const response = await app.request(`/items/${ITEM_ID}/close`, {
      method: "PUT",
      body: "{",
      headers: { "content-encoding": "gzip" },
    });
    await expectProblem(response, 409, "ORDER_ENDED");
  });
});

describe("schemas", () => {
  test("each broken rule of the body is named by its dotted path", async () => {
    const body = await expectProblem(
      post('{"name":"","tags":[{"label":"a"},{"label":1,"more":2}],"x.y":1}'),
      422,
      "INVALID_REQUEST",
    );
    expect(body.errors?.map(({ path }) => path).toSorted()).toEqual(["name", "tags.1.label", "tags.1.more", "x.y"]);
  });

  test("an unknown field is an error, whatever it is called", async () => {
    for (const key of ["__proto__", "constructor", "toString", "Name"]) {
      const body = await expectProblem(post(`{"name":"a","${key}":{"x":1}}`), 422, "INVALID_REQUEST");
      expect(body.errors).toEqual([{ path: key, message: "is not a known field" }]);
    }
  });

  test("that breaks a thousand rules has a small answer: the first 20 errors, and how many more there are", async () => {
    const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`x${index}`, 1]));
    const body = await expectProblem(post(JSON.stringify({ name: "a", ...unknown })), 422, "INVALID_REQUEST");
    expect([body.errors?.length, body.errors?.at(-1)?.path, body.moreErrors]).toEqual([20, "x19", 19_980]);
    expect(body.detail).toEndWith(" 19980 more errors are not listed.");
    const longNames = Object.fromEntries(["a", "b", "c"].map((letter) => [letter.repeat(80_000), 1]));
    const text = await (await post(JSON.stringify({ name: "a", ...longNames }))).text();
    expect(text.length).toBeLessThan(2_000);
    expect(Problem.parse(JSON.parse(text)).errors?.[0]?.path).toBe(`${"a".repeat(199)}…`);
  });

  test("JSON that is no object is 422", async () => {
    for (const body of ["null", "1", '"a"', "[]", "true", "[".repeat(50_000) + "]".repeat(50_000)]) {
      await expectProblem(post(body), 422, "INVALID_REQUEST");
    }
  });

  test("an unknown, repeated or wrong query parameter is 422", async () => {
    for (const query of [
      "limit=a",
      "limit=1&limit=2",
      "limit=1&limit=1",
      "x=1",
      "__proto__=1",
      "limit[]=1",
      "limit=1&%6cimit=1",
      "Limit=1",
      "=1",
      "limit=1&=",
    ]) {
      await expectProblem(app.request(`/items?${query}`), 422, "INVALID_REQUEST");
    }
    for (const query of ["", "?", "?limit=7"]) expect((await app.request(`/items${query}`)).status).toBe(200);
  });

  test("any query parameter on a call without a query is 422, also where the body is at fault too", async () => {
    for (const query of ["x", "=1"])
      await expectProblem(app.request(`/me?${query}`, { headers: asCustomer }), 422, "INVALID_REQUEST");
    const response = app.request("/items?x=1", { method: "POST", headers: asJson, body: '{"name":"a"}' });
    await expectProblem(response, 422, "INVALID_REQUEST");
  });

  test("a declared header that breaks its rule is 422", async () => {
    for (const key of ["", "a b", "x".repeat(201), "ü"]) {
      const response = await post('{"name":"a"}', { ...asJson, "Idempotency-Key": key });
      const body = await expectProblem(response, 422, "INVALID_REQUEST");
      expect(body.errors?.map(({ path }) => path)).toEqual(["idempotency-key"]);
    }
  });
});

describe("answers", () => {
  test("the caller's request id is kept when it is usable, else replaced", async () => {
    const idFor = async (given: string) =>
      (await app.request("/nothing", { headers: { "x-request-id": given } })).headers.get("x-request-id");
    expect(await idFor("abc_DEF-123")).toBe("abc_DEF-123");
    for (const bad of ["short", "x".repeat(65), "has space in", "umläute-1", "semi;colon-1"]) {
      expect(await idFor(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("handlers see the request id that the caller gets, and a child of the caller's trace", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const headers = { ...asCustomer, "x-request-id": "request-1", traceparent: `00-${trace}-b7ad6b7169203331-01` };
    const body = (await (await app.request("/me", { headers })).json()) as { requestId: string; traceparent: string };
    expect(body.requestId).toBe("request-1");
    expect(body.traceparent).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  });

  test("a refusal of the handler is a problem with a stable type and the called path", async () => {
    const path = `/items/${ITEM_ID}/close`;
    const body = await expectProblem(app.request(path, { method: "PUT" }), 409, "ORDER_ENDED");
    expect(body).toMatchObject({
      type: "/problems/order-ended",
      title: "Order has ended",
      instance: path,
      detail: "The order is COMPLETE.",
    });
  });

  test("a 204 has no body and no content type", async () => {
    const response = await app.request(`/items/${ITEM_ID}`, {
      method: "DELETE",
      headers: { authorization: "Bearer admin" },
    });
    expect([response.status, await response.text(), response.headers.get("content-type")]).toEqual([204, "", null]);
  });

  test("a raw answer passes as it is, with a request id", async () => {
    const response = await app.request("/page");
    expect([response.status, await response.text()]).toEqual([203, "<p>"]);
    expect(response.headers.get("x-request-id")).not.toBeNull();
    await expectProblem(app.request("/page", { method: "POST" }), 405, "METHOD_NOT_ALLOWED");
  });
});

describe("a stream of events", () => {
  const watchItem = defineEventStream({
    ...base,
    name: "watchItem",
    path: "/items/{id}/events",
    access: ["customer"],
    event: z.string(),
  });
  const [FIRST, SECOND] = ["01939e6a-7c00-7000-8000-0000000000f1", "01939e6a-7c00-7000-8000-0000000000f2"];
  let clock: ManualClock;
  let endsAtMs: number;
  let verified: () => Awaited<ReturnType<TokenVerifier["verify"]>>;
  let handled: number;
  let answer: () => Promise<EventsAnswer<string> | NoMoreEvents | ProblemAnswer>;
  const open = () => metrics.read("event_streams");
  const watch = (id = FIRST, method = "GET") => app.request(`/items/${id}/events`, { method, headers: asCustomer });

  beforeEach(() => {
    clock = new ManualClock();
    endsAtMs = clock.now() + 900_000;
    verified = () => ({ id: USER_ID, role: "customer", expiresAtMs: endsAtMs });
    handled = 0;
    answer = () => Promise.resolve(events(() => () => {}));
    const limits = { perProcess: 9, perUser: 3, perThing: 2 };
    app = buildApp({
      clock,
      verifier: { verify: async () => verified() },
      streams: createStreamPermits({ limits, metrics }),
    });
    app.handleEvents(watchItem, () => {
      handled += 1;
      return answer();
    });
  });

  test("is one of so many of the same thing, whichever way its id is written, and of so many in all; more are 429 before anything is done", async () => {
    const streams = [await watch(), await watch(FIRST.toUpperCase())];
    expect(streams.map(({ status }) => status)).toEqual([200, 200]);
    const third = await watch();
    expect(third.headers.get("retry-after")).toBe("5");
    await expectProblem(third, 429, "TOO_MANY_STREAMS");
    streams.push(await watch(SECOND));
    await expectProblem(watch(SECOND), 429, "TOO_MANY_STREAMS");
    expect([open(), handled]).toEqual([3, 3]);
    for (const { body } of streams) await body?.cancel();
    expect(open()).toBe(0);
    expect((await watch()).status).toBe(200);
  });

  test("takes no permit when it is refused, has nothing to tell, fails, comes too late, or is a HEAD", async () => {
    for (const other of [
      () => Promise.resolve(problem("NOT_FOUND", "There is none.")),
      () => Promise.resolve(noMoreEvents()),
      () => Promise.reject(new Error("secret detail")),
    ]) {
      answer = other;
      await watch();
      expect(open()).toBe(0);
    }
    answer = () => Promise.resolve(events(() => () => {}));
    expect((await watch(FIRST, "HEAD")).headers.get("content-type")).toBe("text/event-stream");
    expect(open()).toBe(0);
    const late = Promise.withResolvers<EventsAnswer<string>>();
    answer = () => late.promise;
    const asked = watch();
    await eventually(async () => {
      await clock.advance(500);
      expect(handled).toBe(5);
    });
    await clock.advance(1_500);
    await expectProblem(asked, 503, "UNAVAILABLE");
    late.resolve(events(() => () => {}));
    await clock.advance(0);
    expect(open()).toBe(0);
  });

  test("ends with its token, and none begins in the seconds for which calls are taken beyond that", async () => {
    const text = (await watch()).text();
    await clock.advance(899_999);
    expect(open()).toBe(1);
    await clock.advance(1);
    expect([(await text).startsWith("retry: 1000\n\n: still here\n\n"), open()]).toEqual([true, 0]);
    await expectProblem(watch(), 401, "UNAUTHENTICATED");
    expect((await app.request("/me", { headers: asCustomer })).status).toBe(200);
  });

  test("ends when its token is no longer good, such as when its key was withdrawn, but not for want of the keys", async () => {
    const text = (await watch()).text();
    verified = () => {
      throw new UnavailableError("no keys");
    };
    await clock.advance(20_000);
    expect(open()).toBe(1);
    verified = () => undefined;
    await clock.advance(5_000);
    expect([(await text).length > 0, open()]).toEqual([true, 0]);
  });
});

describe("faults", () => {
  test("an unexpected exception is a 500 that tells nothing, and is logged with its stack and without its message", async () => {
    const response = await app.request("/failing");
    const body = await expectProblem(response, 500, "INTERNAL");
    expect(JSON.stringify(body)).not.toContain("secret");
    const line = JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown>;
    expect(line).toMatchObject({ level: "error", requestId: body.requestId, error: { name: "Error" } });
    expect(JSON.stringify(line)).not.toContain("secret");
    expect(JSON.stringify(line["error"])).toContain("app.test.ts");
  });

  test("a fault that means that something is away is 503 with Retry-After", async () => {
    app = buildApp({ isUnavailable: (error) => error instanceof Error && error.message === "connection lost" });
    for (const away of [new Error("connection lost"), new UnavailableError("away")]) {
      fault = () => away;
      const response = await app.request("/failing");
      expect(response.headers.get("retry-after")).toBe("1");
      await expectProblem(response, 503, "UNAVAILABLE");
    }
  });

  test("a call that cannot be answered is a warning, but for one that comes while the process starts", async () => {
    let starting = true;
    app = buildApp({ isStarting: () => starting });
    fault = () => new UnavailableError("the signing keys are not loaded yet");
    const levelOfNext = async () => {
      await expectProblem(await app.request("/failing"), 503, "UNAVAILABLE");
      return (JSON.parse(lines.at(-1) ?? "{}") as { level: string }).level;
    };
    expect(await levelOfNext()).toBe("info");
    starting = false;
    expect(await levelOfNext()).toBe("warn");
  });

  test("whatever becomes of a call, its token stands in no line of the log", async () => {
    app = buildApp({ isUnavailable: (error) => error instanceof Error && error.message === "connection lost" });
    const headers = { authorization: `Bearer ${OTHERS_TOKEN}`, cookie: `session=${OTHERS_TOKEN}` };
    for (const message of ["secret detail", "connection lost"]) {
      fault = () => new Error(message);
      await app.request("/failing", { headers });
    }
    await app.request("/failing", { headers, signal: AbortSignal.abort() });
    for (const path of ["/me", "/nothing"]) await app.request(path, { headers });
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines.filter((line) => line.includes(OTHERS_TOKEN))).toEqual([]);
  });

  test("every answer is measured by its route and status: refusals, faults, and calls of no route too", async () => {
    const paths = ["/items", "/items/1", `/items/${ITEM_ID}`, "/failing", "/me", "/nothing", "/nothing/else"];
    for (const path of paths) await app.request(path);
    expect(await shown("http_request_duration_seconds_count")).toEqual([
      '{method="GET",route="/failing",status="500"} 1',
      '{method="GET",route="/items",status="200"} 1',
      '{method="GET",route="/items/{id}",status="200"} 1',
      '{method="GET",route="/items/{id}",status="404"} 1',
      '{method="GET",route="/me",status="401"} 1',
      '{method="GET",route="none",status="404"} 2',
    ]);
  });

  test("errors of the server are shown as 0 before the first, and one whose caller has left is none", async () => {
    const none = ["500", "502", "503", "504"].map((status) => `{status="${status}"} 0`);
    expect(await shown("http_server_errors_total")).toEqual(none);
    await app.request("/failing", { signal: AbortSignal.abort() });
    expect(await shown("http_server_errors_total")).toEqual(none);
    expect(await shown("http_request_duration_seconds_count")).toEqual([
      '{method="GET",route="/failing",status="499"} 1',
    ]);
    await app.request("/failing");
    expect(await shown("http_server_errors_total")).toContain('{status="500"} 1');
  });

  test("no path and no method that a caller makes up makes a series of its own", async () => {
    const series = async () => (await shown("http_request_duration_seconds_count")).length;
    app.raw({ method: "ANY", path: "/any/*", access: "anyone" }, () => new Response());
    for (const method of ["PROPFIND", "MADEUP"])
      for (const path of ["/nothing", "/any/thing"]) await app.request(path, { method });
    const before = await series();
    for (let index = 0; index < 50; index += 1) {
      await app.request(`/any/${index}?q=${index}`, { method: `M${index}` });
      await app.request(`/nothing/${index}`, { method: `M${index}` });
    }
    expect(await series()).toBe(before);
  });

  test.each([
    ["connection lost", "debug"],
    ["no such column", "error"],
  ])(
    "a handler that does not come back is 503 in time; that it failed later by %p is logged as %s",
    async (message, level) => {
      app = buildApp({ answerWithinMs: 20, isUnavailable: (error) => String(error).includes("connection lost") });
      const late = Promise.withResolvers<never>();
      const hanging = { ...failing, name: "hanging", path: "/hanging" } as const;
      app.handle(hanging, () => late.promise);
      await expectProblem(app.request("/hanging"), 503, "UNAVAILABLE");
      late.reject(new Error(message));
      await Promise.resolve();
      await Promise.resolve();
      expect(JSON.parse(lines.at(-1) ?? "{}")).toMatchObject({ level, endpoint: "hanging", error: { name: "Error" } });
    },
  );
});
