import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Clock } from "@shop/runtime/clock";
import { systemClock } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { createAdmissionControl } from "../server/admission.ts";
import { createApp } from "../server/app.ts";
import { createManagementApp } from "../server/management.ts";
import { createForward } from "./proxy.ts";
import { type Listening, serve } from "../server/serve.ts";
import { createStreamPermits, defaultStreamLimits } from "../streaming/stream-permits.ts";
import { createUpstreamPool } from "./upstream/pool.ts";
import { jsonAnswer, listenTcp, type TcpUpstream } from "../testing/tcp-upstream.ts";

/** Ends what hangs. Where no answer comes it is shorter. */
const WITHIN_MS = 300_000;
const SHORT_MS = 300;
const EVENTS = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

let upstream: TcpUpstream;
let listening: Listening[];

beforeEach(() => {
  listening = [];
});
afterEach(async () => {
  upstream.stop();
  await Promise.all(listening.map((each) => each.stop()));
});

interface ProxyOptions {
  readonly clock?: Clock;
  readonly answerWithinMs?: number;
}

/** A process that forwards everything to `url`. @returns its own address */
function proxyTo(url: string, { clock = systemClock, answerWithinMs = WITHIN_MS }: ProxyOptions = {}): string {
  const logger = createLogger({ service: "test", level: "error", clock, write: () => undefined });
  const metrics = createMetrics();
  const app = createApp({ service: "gateway", logger, clock, metrics });
  const forward = createForward({
    streams: createStreamPermits({ limits: defaultStreamLimits, metrics }),
    admission: createAdmissionControl({ clock, maxWaiting: 1_000, logger, metrics }),
    logger,
    metrics,
    answerWithinMs,
    tooLarge: "refuse",
  });
  const order = createUpstreamPool({ name: "order", urls: [url], clock, logger, metrics });
  app.raw({ method: "ANY", path: "/api/*", access: "anyone" }, (call) =>
    forward(call, {
      upstream: order,
      takesBody: call.c.req.method === "POST",
      honoursKey: call.c.req.path === "/api/orders",
    }),
  );
  const managementApp = createManagementApp({ metrics, ready: async () => ({ ready: true, checks: {} }) });
  const served = serve({ app, managementApp, port: 0, managementPort: 0, logger, drainMs: 0 });
  listening.push(served);
  return `http://127.0.0.1:${served.port}/api/orders`;
}

const proxyOrigin = (url: string, options?: ProxyOptions) => new URL(proxyTo(url, options)).origin;

/** Reads a body as it comes. */
function readerOf(response: Response): { next(): Promise<string>; leave(): Promise<void> } {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  return {
    next: async () => new TextDecoder().decode((await reader.read()).value),
    leave: () => reader.cancel(),
  };
}

async function expectUnavailable(response: Response): Promise<void> {
  expect([response.status, response.headers.get("content-type")]).toEqual([503, "application/problem+json"]);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({ code: "UNAVAILABLE" });
}

describe("an answer", () => {
  const answering = (head: string, body: string | Uint8Array) => {
    upstream = listenTcp((_request, { socket }) => {
      socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${head}\r\n\r\n`), Buffer.from(body)]));
    });
    return fetch(proxyTo(upstream.url));
  };

  test("that was compressed on its way comes unpacked, without what it says of how", async () => {
    const packed = Bun.gzipSync(Buffer.from('{"a":1}'));
    const head = `200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}`;
    const response = await answering(head, packed);
    expect(await response.json()).toEqual({ a: 1 });
    expect([response.headers.get("content-encoding"), response.headers.get("content-length")]).toEqual([null, "7"]);
  });

  test("keeps each of its cookies, and loses what is meant for one hop", async () => {
    const response = await answering(
      "200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: keep-alive, X-Hop, (\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c",
      "{}",
    );
    expect(await response.text()).toBe("{}");
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    for (const name of ["x-hop", "keep-alive", "upgrade"]) expect(response.headers.get(name)).toBeNull();
  });

  test("that has no body by its status is one also when it tells a length", async () => {
    const response = await answering('304 Not Modified\r\nETag: "1"\r\nContent-Length: 20', "");
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([304, '"1"', ""]);
  });
});

describe("an upstream that is no use", () => {
  test.each([
    ["speaks no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"],
    ["says nothing at all", ""],
    ["stops within the headers", "HTTP/1.1 200 OK\r\nContent-Type: appl"],
    [
      "stops before a large answer",
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    [
      "stops within a small answer",
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"a":',
    ],
  ])("and %s is a 503 problem in time", async (_how, bytes) => {
    upstream = listenTcp((_request, { socket }) => void socket.write(bytes));
    await expectUnavailable(await fetch(proxyTo(upstream.url, { answerWithinMs: SHORT_MS })));
    await eventually(() => expect(upstream.openCount()).toBe(0));
  });

  test.each([
    ["GET", "three times, since it may be repeated", 3],
    ["POST", "once", 1],
  ])("and closes instead of answering is a 503 problem, and %s was sent %s", async (method, _how, times) => {
    upstream = listenTcp((_request, { socket }) => socket.terminate());
    await expectUnavailable(await fetch(proxyTo(upstream.url), { method }));
    expect(upstream.requests).toEqual(Array.from({ length: times }, () => `${method} /api/orders HTTP/1.1`));
  });

  test.each([
    ["/api/orders", "three times, since the call honours its key", 3],
    ["/api/users", "once, since the call would be carried out twice", 1],
  ])("and closes instead of answering: a POST with a key to %s was sent %s", async (path, _why, times) => {
    upstream = listenTcp((_request, { socket }) => socket.terminate());
    const headers = { "idempotency-key": "key-1" };
    await expectUnavailable(await fetch(proxyOrigin(upstream.url) + path, { method: "POST", headers }));
    expect(upstream.requests).toEqual(Array.from({ length: times }, () => `POST ${path} HTTP/1.1`));
  });

  test("and cuts a small answer short is a 503 problem, not half an answer", async () => {
    upstream = listenTcp((_request, { socket }) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"a":');
    });
    await expectUnavailable(await fetch(proxyTo(upstream.url)));
  });

  test("and cuts a streamed answer short breaks the caller's connection: nobody takes it for a whole one", async () => {
    const rest = Promise.withResolvers<void>();
    upstream = listenTcp(async (_request, { socket }) => {
      socket.write(EVENTS + chunk("data: 1\n\n"));
      await rest.promise;
      socket.terminate();
    });
    const reader = readerOf(await fetch(proxyTo(proxyOrigin(upstream.url))));
    expect(await reader.next()).toBe("data: 1\n\n");
    rest.resolve();
    await expect(reader.next()).rejects.toThrow();
  });
});

describe("a kept connection that the upstream closes when it is used again", () => {
  beforeEach(() => {
    upstream = listenTcp((_request, { socket, nth }) => {
      if (nth === 1) socket.write(jsonAnswer({ ok: true }));
      else socket.terminate();
    });
  });

  test.each(["GET", "PUT", "DELETE"])("is not the caller's matter: %s is sent again", async (method) => {
    const url = proxyTo(upstream.url);
    for (let sent = 0; sent < 3; sent += 1) expect((await fetch(url, { method })).status).toBe(200);
  });

  test("is a 503 for a POST, which is never sent twice", async () => {
    const url = proxyTo(upstream.url);
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(200);
    await expectUnavailable(await fetch(url, { method: "POST", body: "{}" }));
    expect(upstream.requests).toHaveLength(2);
  });
});

describe("a refused connection", () => {
  test("is tried once more, a POST too, since nothing was sent", async () => {
    const clock = new ManualClock();
    upstream = listenTcp(() => undefined);
    const { port, url } = upstream;
    upstream.stop();
    const answered = fetch(proxyTo(url, { clock }), { method: "POST", body: "{}" });
    await eventually(() => expect(clock.sleeperCount).toBe(1));
    upstream = listenTcp((_request, { socket }) => void socket.write(jsonAnswer({ ok: true })), port);
    await clock.advance(50);
    expect((await answered).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
  });

  test("twice is a 503 problem", async () => {
    upstream = listenTcp(() => undefined);
    upstream.stop();
    await expectUnavailable(await fetch(proxyTo(upstream.url), { method: "POST", body: "{}" }));
  });
});

test("a request that is too long for the next hop, which adds headers to it, is its caller's matter: 422", async () => {
  upstream = listenTcp((_request, { socket }) => void socket.write(jsonAnswer("{}")));
  const { port, hostname } = new URL(proxyTo(proxyOrigin(upstream.url)));
  const client = connect(Number(port), hostname);
  let answer = "";
  client.on("data", (piece) => (answer += piece.toString()));
  client.write(`GET /api/orders?${"a".repeat(16_300)} HTTP/1.1\r\nHost: shop\r\n\r\n`);
  await eventually(() => expect(answer).toContain("\r\n\r\n{"));
  client.destroy();
  expect(answer).toStartWith("HTTP/1.1 422");
  expect(answer).toContain('"code":"INVALID_REQUEST"');
  expect(upstream.requests).toEqual([]);
});

describe("an answer in pieces", () => {
  test("passes two hops piece by piece, each as soon as it comes, and may be quiet longer than a first byte may take", async () => {
    let send = (_text: string) => {};
    upstream = listenTcp((_request, { socket }) => {
      send = (text) => void socket.write(chunk(text));
      socket.write(EVENTS + chunk("data: 1\n\n"));
    });
    // Long enough for a slow machine to begin the answer.
    const answerWithinMs = 1_500;
    const response = await fetch(proxyTo(proxyOrigin(upstream.url, { answerWithinMs }), { answerWithinMs }));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = readerOf(response);
    expect(await reader.next()).toBe("data: 1\n\n");
    // The time in which an answer must begin is over; this one has.
    await Bun.sleep(answerWithinMs + 100);
    send("data: 2\n\n");
    expect(await reader.next()).toBe("data: 2\n\n");
    await reader.leave();
    await eventually(() => expect(upstream.openCount()).toBe(0));
  });

  test("that is huge holds the upstream back while the caller does not read, instead of filling memory", async () => {
    const total = 256 * 1_048_576;
    const block = new Uint8Array(1_048_576);
    let written = 0;
    let isDraining = false;
    upstream = listenTcp((_request, { socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${total}\r\n\r\n`);
      const fill = () => {
        for (;;) {
          const count = socket.write(block);
          if (count <= 0) break;
          written += count;
          if (count < block.length) break;
        }
        isDraining = true;
        setTimeout(() => socket.readyState === 1 && written < total && fill(), 5);
      };
      fill();
    });
    const client = connect(Number(new URL(proxyTo(upstream.url)).port), "127.0.0.1", () =>
      client.write("GET /api/orders HTTP/1.1\r\nHost: x\r\n\r\n"),
    );
    client.once("data", () => client.pause());
    await eventually(() => expect(isDraining).toBe(true));
    let before = -1;
    await eventually(
      () => {
        const stands = written === before;
        before = written;
        expect(stands).toBe(true);
      },
      { pauseMs: 200 },
    );
    expect(written).toBeLessThan(total / 4);
    client.destroy();
    await eventually(() => expect(upstream.openCount()).toBe(0));
  });
});

test("of large bodies that are on their way only so many are waited for, and small ones are not in their way", async () => {
  upstream = listenTcp((_request, { socket }) => void socket.write(jsonAnswer({ ok: true })));
  const url = new URL(proxyTo(upstream.url));
  const large = "a".repeat(262_144);
  let refused = 0;
  const senders = Array.from({ length: 80 }, () => {
    const socket = connect(Number(url.port), url.hostname);
    socket.write(`POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: ${large.length}\r\n\r\na`);
    socket.once("data", () => (refused += 1));
    socket.on("error", () => undefined);
    return socket;
  });
  try {
    // There is room for 64.
    await eventually(() => expect(refused).toBe(16));
    await expectUnavailable(await fetch(url, { method: "POST", body: large }));
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(200);
  } finally {
    for (const socket of senders) socket.destroy();
  }
  await eventually(async () => expect((await fetch(url, { method: "POST", body: large })).status).toBe(200));
});

describe("a caller who leaves", () => {
  test("before the answer ends the call to the upstream, through two hops", async () => {
    upstream = listenTcp(() => undefined);
    const url = proxyTo(proxyOrigin(upstream.url));
    const leaving = new AbortController();
    const answered = fetch(url, { signal: leaving.signal }).catch((error: unknown) => error);
    await eventually(() => expect(upstream.requests).toHaveLength(1), { pauseMs: 5 });
    leaving.abort();
    await eventually(() => expect(upstream.openCount()).toBe(0), { pauseMs: 5 });
    // It was the caller's leaving that ended it: the time for an answer is longer than this test may take.
    expect(await answered).toBeInstanceOf(Error);
  });
});
