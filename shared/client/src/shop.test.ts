import { beforeEach, describe, expect, test } from "bun:test";
import type { Order, OrderEvent } from "@shop/contracts/http/order";
import { ManualClock } from "@shop/testing/clock";
import type { Tokens } from "./bearer-session.ts";
import { connectBrowser } from "./browser-shop.ts";
import { isProblem, NoAnswerError, ProblemError } from "./problem-error.ts";
import { connectShop, type Shop } from "./shop.ts";

type Answer = (request: Request, init: RequestInit) => Response | Promise<Response>;

let clock: ManualClock;
let received: { readonly method: string; readonly path: string; readonly headers: Headers; readonly body: string }[];
let answers: Answer[];
let otherwise: Answer;
let saved: (Tokens | undefined)[];
let shop: Shop;

const asJson = (body: unknown, status = 200, headers = {}) => Response.json(body, { status, headers });
const problem = (status: number, code: string, headers = {}, members = {}) =>
  new Response(
    JSON.stringify({ status, code, title: code, detail: "", instance: "/", type: "/", requestId: "r", ...members }),
    { status, headers: { "content-type": "application/problem+json", ...headers } },
  );
let pairs = 0;
const pair = () => {
  pairs += 1;
  return asJson({ accessToken: `a${pairs}`, tokenType: "Bearer", expiresIn: 900, refreshToken: `r${pairs}` });
};

async function fetchStub(url: string, init: RequestInit): Promise<Response> {
  const request = new Request(url, init);
  const { method, headers } = request;
  received.push({ method, path: url.replace("http://shop.test", ""), headers, body: await request.text() });
  const answer = answers.shift() ?? otherwise;
  return answer(request, init);
}

beforeEach(() => {
  pairs = 0;
  clock = new ManualClock();
  received = [];
  answers = [];
  saved = [];
  otherwise = () => asJson({ items: [], nextCursor: null });
  const store = { load: () => undefined, save: (tokens: Tokens | undefined) => void saved.push(tokens) };
  shop = connectShop({ baseUrl: "http://shop.test", fetch: fetchStub, clock, store });
});

/** Lets the clock run until a promise is settled. */
async function settle<Value>(promise: Promise<Value>): Promise<Value> {
  let isSettled = false;
  const settled = promise.finally(() => (isSettled = true));
  settled.catch(() => undefined);
  for (let turn = 0; !isSettled && turn < 1_000; turn += 1) await clock.advance(100);
  return settled;
}

const item = { productId: "01939e6a-7c00-7000-8000-000000000010", quantity: 1 };
const newOrder = { items: [item], deliveryAddress: "1 Sejong-daero" };

describe("a call", () => {
  test("puts id, query and body where the contract has them", async () => {
    await shop.listOrders({ limit: 5 });
    await shop.getOrder("one/two");
    await shop.failDelivery("d", { reason: "nobody at home" });
    expect(received.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
      "GET /api/orders?limit=5 ",
      "GET /api/orders/one%2Ftwo ",
      'PUT /api/deliveries/d/fail {"reason":"nobody at home"}',
    ]);
  });

  test("that is refused throws the problem, told apart by its code", async () => {
    otherwise = () => problem(409, "ORDER_ENDED");
    const error: unknown = await shop.cancelOrder("o").catch((reason: unknown) => reason);
    expect(isProblem(error, "ORDER_ENDED")).toBe(true);
    if (!(error instanceof ProblemError) || error.problem.code !== "ORDER_ENDED") throw new Error("not a problem");
    // A compile-time check: the code has told the status.
    const status: 409 = error.problem.status;
    expect(status).toBe(409);
  });

  test("names the version that it is to change, where it takes one, and tells what there is in its place", async () => {
    await shop.changeProduct("p", { price: 1 }, { ifVersion: 3 });
    await shop.withdrawProduct("p", { ifVersion: 4 });
    await shop.changeStock("p", { delta: 1 });
    expect(received.map(({ headers }) => headers.get("if-match"))).toEqual(['"3"', '"4"', null]);
    otherwise = () => problem(412, "VERSION_MISMATCH", {}, { version: 5, product: { price: 2 } });
    const error: unknown = await shop
      .changeProduct("p", { price: 1 }, { ifVersion: 3 })
      .catch((reason: unknown) => reason);
    if (!(error instanceof ProblemError) || error.problem.code !== "VERSION_MISMATCH") throw new Error("no mismatch");
    expect([error.problem.version, error.problem.product.price]).toEqual([5, 2]);
  });

  test("that something else answers for the shop is no answer", async () => {
    otherwise = () => new Response("<html>", { status: 502 });
    expect(settle(shop.changeStock("p", { delta: 1 }))).rejects.toBeInstanceOf(NoAnswerError);
  });
});

describe("making a call again", () => {
  test("an order is placed once, however often its answer is lost: every attempt has the same key", async () => {
    answers = [
      () => Promise.reject(new Error("connection reset")),
      () => problem(503, "UNAVAILABLE", { "retry-after": "1" }),
    ];
    otherwise = () => asJson({ id: "o" }, 201);
    expect((await settle(shop.createOrder(newOrder))).id).toBe("o");
    const keys = received.map(({ headers }) => headers.get("idempotency-key"));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\x21-\x7e]{1,200}$/);
  });

  test("waits as long as Retry-After says", async () => {
    answers = [() => problem(429, "TOO_MANY_REQUESTS", { "retry-after": "7" })];
    const startedAt = clock.now();
    await settle(shop.listProducts());
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(7_000);
  });

  test("is done when no answer has come for too long", async () => {
    answers = [
      (_request, { signal }) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted")))),
    ];
    await settle(shop.listProducts());
    expect([received.length, clock.elapsed() >= 10_000]).toEqual([2, true]);
  });

  test("is not done where it could do something twice, and not for ever", async () => {
    otherwise = () => problem(503, "UNAVAILABLE");
    expect(settle(shop.changeStock("p", { delta: 1 }))).rejects.toThrow(ProblemError);
    await settle(Promise.resolve());
    expect(received).toHaveLength(1);
    received = [];
    await settle(shop.listProducts().catch(() => undefined));
    expect(received).toHaveLength(4);
  });

  test("ends when the caller's signal does", async () => {
    otherwise = () => Promise.reject(new Error("refused"));
    const leaving = new AbortController();
    const call = shop.listProducts({}, { signal: leaving.signal });
    leaving.abort(new Error("the page was left"));
    expect(settle(call)).rejects.toThrow("the page was left");
  });
});

describe("a session", () => {
  const token = ({ headers }: { headers: Headers }) => headers.get("authorization");

  test("adds its token, refreshes it before its end, and tells its store", async () => {
    answers = [pair];
    await shop.logIn("customer", "customer-password");
    await shop.getMe();
    await clock.advance(880_000);
    answers = [pair];
    await shop.getMe();
    expect(received.map((each) => `${each.path} ${token(each)}`)).toEqual([
      "/login null",
      "/api/users/me Bearer a1",
      "/login/refresh null",
      "/api/users/me Bearer a2",
    ]);
    await shop.logOut();
    expect(received.at(-1)?.body).toBe('{"refreshToken":"r2"}');
    expect(saved.map((tokens) => tokens?.accessToken)).toEqual(["a1", "a2", undefined]);
  });

  test("many calls that find their token refused share one refresh", async () => {
    answers = [pair];
    await shop.logIn("customer", "customer-password");
    otherwise = (request) => {
      if (request.url.endsWith("/login/refresh")) return pair();
      return token(request) === "Bearer a1" ? problem(401, "UNAUTHENTICATED") : asJson({ id: "me" });
    };
    const answered = await Promise.all(Array.from({ length: 10 }, () => shop.getMe()));
    expect(answered.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, () => "me"));
    expect(received.filter(({ path }) => path === "/login/refresh")).toHaveLength(1);
  });

  test("whose refresh token is no good any more has ended, and the caller hears so", async () => {
    answers = [pair, () => problem(401, "UNAUTHENTICATED"), () => problem(401, "INVALID_REFRESH_TOKEN")];
    await shop.logIn("customer", "customer-password");
    const error: unknown = await shop.getMe().catch((reason: unknown) => reason);
    expect(isProblem(error, "INVALID_REFRESH_TOKEN")).toBe(true);
    expect(saved.at(-1)).toBeUndefined();
  });

  test("of a browser sends no token, only its cookie to its own site, and is opened and ended there", async () => {
    const seen: (RequestInit["credentials"] | undefined)[] = [];
    const outlive: (boolean | undefined)[] = [];
    otherwise = (_request, { credentials, keepalive }) => {
      seen.push(credentials);
      outlive.push(keepalive);
      return new Response(null, { status: 204 });
    };
    const send = (path: string, init: RequestInit) => fetchStub(`http://shop.test${path}`, init);
    const pages = connectBrowser({ fetch: send, clock });
    await pages.logIn("customer", "customer-password");
    await pages.getMe();
    await pages.logOut();
    expect(received.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /session {"username":"customer","password":"customer-password"}',
      "GET /api/users/me ",
      "DELETE /session ",
    ]);
    expect([...new Set(seen), ...new Set(received.map(token))]).toEqual(["same-origin", null]);
    // A page may be left as soon as its user has asked to be signed out.
    expect(outlive).toEqual([undefined, undefined, true]);
  });

  test("of a browser that could not be ended is not ended twice: the second time no cookie would tell which", async () => {
    otherwise = () => problem(503, "UNAVAILABLE");
    const pages = connectBrowser({ fetch: (path, init) => fetchStub(`http://shop.test${path}`, init), clock });
    expect(settle(pages.logOut())).rejects.toBeInstanceOf(ProblemError);
    expect(received).toHaveLength(1);
  });
});

describe("events", () => {
  const text = (id: number, type: OrderEvent["type"]) =>
    `id: ${id}\ndata: ${JSON.stringify({ type, order: { id: "o" } as Order, saga: { status: "RUNNING", step: null } })}\n\n`;
  const stream = (...pieces: readonly string[]) =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
          controller.close();
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );

  async function collect(): Promise<string[]> {
    const seen: string[] = [];
    for await (const { id, type } of shop.watchOrder("o")) seen.push(`${id} ${type}`);
    return seen;
  }

  test("come in order, also when cut anywhere, and go on behind the last one after a break, until there are no more", async () => {
    const two = text(2, "STOCK_TAKEN");
    answers = [
      () =>
        stream(
          "retry: 1000\n\n",
          text(1, "STATE"),
          two.slice(0, 9),
          two.slice(9),
          ": still here\n\n",
          text(3, "DELIVERED").slice(0, 30),
        ),
      () => Promise.reject(new Error("refused")),
      () => problem(503, "UNAVAILABLE"),
      () => stream(text(3, "WAITING_FOR_RIDER"), text(4, "COMPLETE")),
      () => new Response(null, { status: 204 }),
    ];
    expect(await settle(collect())).toEqual(["1 STATE", "2 STOCK_TAKEN", "3 WAITING_FOR_RIDER", "4 COMPLETE"]);
    expect(received.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, "2", "2", "2", "4"]);
  });

  test("of one stream too many come once the shop takes it, after the pause that the shop names, and not before", async () => {
    const tooMany = (): Answer => () => problem(429, "TOO_MANY_REQUESTS", { "retry-after": "60" });
    answers = [
      () => stream(text(1, "STATE")),
      ...Array.from({ length: 5 }, tooMany),
      () => stream(text(2, "COMPLETE")),
    ];
    otherwise = () => new Response(null, { status: 204 });
    const startedAt = clock.now();
    const seen: string[] = [];
    const watch = async () => {
      for await (const { id, type } of shop.watchOrder("o", { breaks: Number.POSITIVE_INFINITY }))
        seen.push(`${id} ${type}`);
    };
    const watching = watch();
    for (let turn = 0; turn < 4_000 && seen.length < 2; turn += 1) await clock.advance(100);
    await settle(watching);
    expect(seen).toEqual(["1 STATE", "2 COMPLETE"]);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(5 * 60_000);
    expect(received.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, ...Array(6).fill("1"), "2"]);
  });

  test("of a stream that is refused as one too many again and again throw that refusal", async () => {
    otherwise = () => problem(429, "TOO_MANY_REQUESTS", { "retry-after": "20" });
    const error: unknown = await (async () => {
      const watching = (async () => {
        for await (const event of shop.watchOrder("o", { breaks: 2 })) throw new Error(`${event.id} came`);
      })();
      return settle(watching).catch((reason: unknown) => reason);
    })();
    expect(isProblem(error, "TOO_MANY_REQUESTS")).toBe(true);
  });

  test("of a stream that ends with its access token go on with a fresh one, after the last event", async () => {
    answers = [pair, () => stream(text(1, "STATE"))];
    await settle(shop.logIn("customer", "customer-password"));
    otherwise = ({ headers }) => {
      if (headers.get("authorization") === "Bearer a1") return problem(401, "UNAUTHENTICATED");
      return headers.get("last-event-id") === "1" ? stream(text(2, "COMPLETE")) : new Response(null, { status: 204 });
    };
    const watching = collect();
    await clock.advance(1);
    // Its token is refused from here on; so is the first attempt to continue.
    answers = [(request, init) => otherwise(request, init), pair];
    expect(await settle(watching)).toEqual(["1 STATE", "2 COMPLETE"]);
    expect(
      received.slice(1).map(({ path, headers }) => [path, headers.get("authorization"), headers.get("last-event-id")]),
    ).toEqual([
      ["/api/orders/o/events", "Bearer a1", null],
      ["/api/orders/o/events", "Bearer a1", "1"],
      ["/login/refresh", null, null],
      ["/api/orders/o/events", "Bearer a2", "1"],
      ["/api/orders/o/events", "Bearer a2", "2"],
    ]);
  });

  test("of a stream that has fallen silent are asked for anew", async () => {
    answers = [
      (_request, { signal }) =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode(text(1, "STATE")));
              signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
            },
          }),
        ),
      () => new Response(null, { status: 204 }),
    ];
    const startedAt = clock.now();
    expect(await settle(collect())).toEqual(["1 STATE"]);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(15_000);
  });

  test("tell their reader when they can come and when they cannot, and are waited for as long as wished", async () => {
    const away = Array.from({ length: 30 }, (): Answer => () => Promise.reject(new Error("refused")));
    answers = [
      () => stream(text(1, "STATE")),
      ...away,
      () => stream(text(2, "COMPLETE")),
      () => new Response(null, { status: 204 }),
    ];
    const lives: boolean[] = [];
    const watch = async () => {
      const options = { onConnection: (isLive: boolean) => void lives.push(isLive), breaks: Number.POSITIVE_INFINITY };
      for await (const { id } of shop.watchOrder("o", options)) lives.push(id === 2);
    };
    await settle(watch());
    // The first connection and its event; many attempts later the second one, and its end.
    expect(lives).toEqual([true, false, false, true, true, false]);
  });

  test("of a stream that ends with its access token go on behind the last one with a new token", async () => {
    answers = [pair];
    await shop.logIn("customer", "customer-password");
    answers = [
      // The server's clock is ahead of this one: the token is refused although it seems to be good for a while.
      () => stream(text(1, "STATE"), text(2, "STOCK_TAKEN")),
      () => problem(401, "UNAUTHENTICATED"),
      pair,
      () => stream(text(3, "DELIVERED")),
      () => new Response(null, { status: 204 }),
    ];
    expect(await settle(collect())).toEqual(["1 STATE", "2 STOCK_TAKEN", "3 DELIVERED"]);
    const watching = received.filter(({ path }) => path.endsWith("/events"));
    expect(watching.map(({ headers }) => `${headers.get("authorization")} ${headers.get("last-event-id")}`)).toEqual([
      "Bearer a1 null",
      "Bearer a1 2",
      "Bearer a2 2",
      "Bearer a2 3",
    ]);
  });

  test("are waited for as long as Retry-After says where the caller has too many streams, and refused for that reason in the end", async () => {
    const tooMany = () => problem(429, "TOO_MANY_STREAMS", { "retry-after": "5" });
    answers = [tooMany, () => stream(text(1, "COMPLETE")), () => new Response(null, { status: 204 })];
    const startedAt = clock.now();
    expect(await settle(collect())).toEqual(["1 COMPLETE"]);
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(5_000);
    otherwise = tooMany;
    const error = await settle(collect().catch((thrown: unknown) => thrown));
    expect(isProblem(error, "TOO_MANY_STREAMS")).toBe(true);
  });

  test("of an order that is not there throw the problem", () => {
    otherwise = () => problem(404, "NOT_FOUND");
    expect(settle(collect())).rejects.toThrow(ProblemError);
  });
});
