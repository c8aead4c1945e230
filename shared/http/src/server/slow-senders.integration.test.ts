import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { defineEndpoint } from "@shop/contracts/http/define";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger } from "@shop/testing/logger";
import { z } from "zod";
import { createAdmissionControl } from "./admission.ts";
import { done } from "../request/answer.ts";
import { createApp } from "./app.ts";
import { createManagementApp } from "./management.ts";
import { createForward } from "../proxy/proxy.ts";
import { type Listening, serve } from "./serve.ts";
import { createStreamPermits, defaultStreamLimits } from "../streaming/stream-permits.ts";
import { jsonAnswer, listenTcp } from "../testing/tcp-upstream.ts";
import { createUpstreamPool } from "../proxy/upstream/pool.ts";

/** Short, so that a test need not wait for the 10 s that a process gives. */
const BODY_WITHIN_MS = 500;
const { logger, lines } = capturedLogger();
const metrics = createMetrics();
const upstream = listenTcp((_request, { socket }) => void socket.write(jsonAnswer({})));
let listening: Listening;
const sockets: Socket[] = [];

beforeAll(() => {
  const parts = { clock: systemClock, logger, metrics };
  const app = createApp({ service: "gateway", bodyWithinMs: BODY_WITHIN_MS, ...parts });
  const echo = defineEndpoint({
    ...{ name: "echo", service: "user", method: "POST", path: "/echo", summary: "", access: "anyone" },
    body: z.unknown(),
    success: { status: 200, schema: z.unknown() },
  });
  app.handle(echo, ({ body }) => done(body));
  const forward = createForward({
    ...{ logger, metrics, answerWithinMs: 10_000, tooLarge: "refuse", bodyWithinMs: BODY_WITHIN_MS },
    admission: createAdmissionControl({ ...parts, maxWaiting: 10 }),
    streams: createStreamPermits({ limits: defaultStreamLimits, metrics }),
  });
  const order = createUpstreamPool({ ...parts, name: "order", urls: [upstream.url] });
  app.raw({ method: "POST", path: "/forwarded", access: "anyone" }, (call) =>
    forward(call, { upstream: order, takesBody: true, honoursKey: false }),
  );
  const managementApp = createManagementApp({ metrics, ready: async () => ({ ready: true, checks: {} }) });
  listening = serve({ app, managementApp, port: 0, managementPort: 0, logger, drainMs: 0 });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await listening.stop();
  upstream.stop();
});

interface Sender {
  readonly text: () => string;
  /** Resolves with how long the connection lived, in milliseconds. */
  readonly closed: Promise<number>;
}

/** Sends the first bytes at once and then one byte each so many milliseconds, until the connection is closed. */
function sendSlowly(first: string, everyMs: number): Sender {
  const startedAt = performance.now();
  const socket = connect(listening.port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  const { promise: closed, resolve } = Promise.withResolvers<number>();
  socket.on("data", (piece) => (text += piece.toString()));
  socket.on("error", () => undefined);
  socket.write(first);
  const timer = setInterval(() => socket.write("1"), everyMs);
  socket.once("close", () => {
    clearInterval(timer);
    resolve(performance.now() - startedAt);
  });
  return { text: () => text, closed };
}

const head = (path: string, rest: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}\r\n\r\n`;

describe("a body that comes byte by byte", () => {
  test.each([
    ["read here, of a known length", "/echo", "Content-Length: 200"],
    ["passed on, of a known length", "/forwarded", "Content-Length: 200"],
    ["read here, in chunks", "/echo", "Transfer-Encoding: chunked"],
    ["passed on, in chunks", "/forwarded", "Transfer-Encoding: chunked"],
  ])("%s: 408 in time, and the connection is closed", async (_how, path, rest) => {
    const before = upstream.requests.length;
    // In chunks: one that is announced as large and is never whole.
    const { text, closed } = sendSlowly(head(path, rest) + (rest.includes("chunked") ? "1000\r\n" : ""), 100);
    await closed;
    expect(text()).toStartWith("HTTP/1.1 408 Request Timeout\r\n");
    expect(text().toLowerCase()).toContain("connection: close\r\n");
    expect(text()).toContain('"code":"REQUEST_TIMEOUT"');
    expect(upstream.requests.length).toBe(before);
  });

  test("takes nothing of the log, and the others are answered meanwhile", async () => {
    const slow = Array.from({ length: 50 }, () => sendSlowly(head("/forwarded", "Content-Length: 200"), 100));
    const quick = await fetch(`http://127.0.0.1:${listening.port}/forwarded`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(quick.status).toBe(200);
    for (const { text, closed } of slow) {
      await closed;
      expect(text()).toStartWith("HTTP/1.1 408");
    }
    expect(lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
    expect(await metrics.expose()).toMatch(/http_slow_bodies_total \d+/);
  });
});

test("a connection whose first head comes byte by byte, or that says nothing, is closed by Bun after 10 to 12 s, however steadily the bytes come", async () => {
  const senders = [
    sendSlowly("GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: ", 500),
    sendSlowly("", 1_000_000),
    sendSlowly("GET /e", 3_000),
  ];
  // Without an end they would outlast this test.
  await Promise.all(senders.map(({ closed }) => closed));
  expect(senders.map(({ text }) => text())).toEqual(["", "", ""]);
}, 120_000);
