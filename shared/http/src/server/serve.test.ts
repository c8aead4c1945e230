import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { defineEndpoint } from "@shop/contracts/http/define";
import { systemClock } from "@shop/runtime/clock";
import { createLogger } from "@shop/runtime/logger";
import { createMetrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { z } from "zod";
import { done } from "../request/answer.ts";
import { createApp } from "./app.ts";
import { createManagementApp } from "./management.ts";
import { type Listening, ListenError, serve } from "./serve.ts";

const metrics = createMetrics();
const logger = createLogger({ service: "test", level: "error", clock: systemClock, write: () => undefined });
const common = {
  service: "user",
  summary: "",
  access: "anyone",
  success: { status: 200, schema: z.unknown() },
} as const;
const quick = defineEndpoint({ ...common, name: "quick", method: "GET", path: "/quick" });
const waiting = defineEndpoint({ ...common, name: "waiting", method: "GET", path: "/waiting" });
const echo = defineEndpoint({ ...common, name: "echo", method: "POST", path: "/echo", body: z.unknown() });

let ready: boolean;
let release: () => void;
let entered: Promise<void>;
let listening: Listening;
let sockets: Socket[];

beforeEach(() => {
  ready = true;
  sockets = [];
  const gate = Promise.withResolvers<void>();
  const arrival = Promise.withResolvers<void>();
  release = gate.resolve;
  entered = arrival.promise;
  const app = createApp({ service: "user", logger, clock: systemClock, metrics });
  app.handle(quick, () => done("ok"));
  app.handle(echo, () => done("read"));
  app.handle(waiting, async () => {
    arrival.resolve();
    await gate.promise;
    return done("finished");
  });
  app.raw({ method: "GET", path: "/stream", access: "anyone" }, () => {
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1)) });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  app.raw({ method: "GET", path: "/quiet-stream", access: "anyone" }, () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("data: 1\n\n")) });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  app.raw({ method: "GET", path: "/fault", access: "anyone" }, () => {
    throw "not even an error";
  });
  const managementApp = createManagementApp({
    metrics,
    ready: async () => ({ ready, checks: { database: ready ? "ok" : "away" } }),
  });
  listening = serve({ app, managementApp, port: 0, managementPort: 0, logger, drainMs: 100 });
});
afterEach(async () => {
  release();
  for (const socket of sockets) socket.destroy();
  await listening.stop();
});

const url = (path: string) => `http://127.0.0.1:${listening.port}${path}`;
const managementUrl = (path: string) => `http://127.0.0.1:${listening.managementPort}${path}`;

/** A client that writes its own bytes; `received` resolves as soon as what came matches. */
function rawClient(): {
  send(text: string): void;
  pause(): void;
  resume(): void;
  received(pattern: RegExp): Promise<string>;
  closed: Promise<void>;
} {
  const socket = connect(listening.port, "127.0.0.1");
  sockets.push(socket);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  let text = "";
  let look = () => {};
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => {
    text += chunk.toString();
    look();
  });
  return {
    send: (bytes) => socket.write(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    received: (pattern) =>
      new Promise((resolve) => {
        look = () => {
          if (pattern.test(text)) resolve(text);
        };
        look();
      }),
    closed,
  };
}

describe("a request", () => {
  test.each(["GET /quick HTTP/1.0", "GET /quick HTTP/1.1\r\nHost:", "GET /quick HTTP/1.1\r\nHost: a/b"])(
    "that names no host that can be used is answered like any other: %j",
    async (head) => {
      const client = rawClient();
      client.send(`${head}\r\n\r\n`);
      expect(await client.received(/\r\n\r\n/)).toStartWith("HTTP/1.1 200");
    },
  );

  test("keeps its body when it names no host", async () => {
    const client = rawClient();
    client.send("POST /echo HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    expect(await client.received(/"read"/)).toStartWith("HTTP/1.1 200");
  });

  test("HEAD tells no length where nobody knows it", async () => {
    const client = rawClient();
    client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    const head = await client.received(/\r\n\r\n/);
    expect(head).toStartWith("HTTP/1.1 200");
    expect(head).not.toMatch(/content-length/i);
  });

  test("HEAD tells the length that GET has, for what is there and for what is not", async () => {
    for (const path of ["/quick", "/nothing", "/echo"]) {
      const get = await (await fetch(url(path))).arrayBuffer();
      const client = rawClient();
      client.send(`HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const head = await client.received(/\r\n\r\n/);
      const length = /content-length: (?<length>\d+)/i.exec(head)?.groups?.["length"];
      expect([path, length]).toEqual([path, String(get.byteLength)]);
    }
  });
});

describe("the management port", () => {
  test("tells that the process lives, whether it can work, and its metrics", async () => {
    expect((await fetch(managementUrl("/livez"))).status).toBe(200);
    expect((await fetch(managementUrl("/readyz"))).status).toBe(200);
    ready = false;
    const notReady = await fetch(managementUrl("/readyz"));
    expect([notReady.status, await notReady.json()]).toEqual([503, { ready: false, checks: { database: "away" } }]);
    const shown = await fetch(managementUrl("/metrics"));
    expect(shown.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect((await fetch(url("/readyz"))).status).toBe(404);
  });
});

describe("a stop", () => {
  test("answers not ready first, finishes what is in flight, and then takes no more connections", async () => {
    const inFlight = fetch(url("/waiting"));
    await entered;
    const stopped = listening.stop();
    expect((await fetch(managementUrl("/readyz"))).status).toBe(503);
    const during = await fetch(url("/quick"));
    expect([during.status, during.headers.get("connection")]).toEqual([200, "close"]);
    release();
    expect(await (await inFlight).json()).toBe("finished");
    await stopped;
    await expect(fetch(url("/quick"), { keepalive: false })).rejects.toThrow();
  });

  test("finishes also what is still in flight when no more connections are taken", async () => {
    const inFlight = fetch(url("/waiting"));
    await entered;
    const stopped = listening.stop();
    await eventually(() => expect(fetch(url("/quick"), { keepalive: false })).rejects.toThrow());
    release();
    expect(await (await inFlight).json()).toBe("finished");
    await stopped;
  });

  test("ends event streams, whole, instead of waiting for them", async () => {
    const stream = await fetch(url("/quiet-stream"));
    await listening.stop();
    expect(await stream.text()).toBe("data: 1\n\n");
  });

  test("closes connections that wait for a next request", async () => {
    const client = rawClient();
    client.send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.received(/"ok"/);
    await listening.stop();
    await client.closed;
  });
});

const chunkedHead =
  "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("the public port", () => {
  test("a port in use is one clear sentence with the remedy", () => {
    const again = () =>
      serve({
        app: { fetch: () => new Response() },
        managementApp: { fetch: () => new Response() },
        port: listening.port,
        managementPort: 0,
        logger,
        drainMs: 0,
      });
    expect(again).toThrow(ListenError);
    expect(again).toThrow(
      `Port ${listening.port} is in use: stop what listens there, or set PORT to another one (0 picks a free one).`,
    );
  });

  test("what is thrown without being an error is a 500 problem too", async () => {
    const response = await fetch(url("/fault"));
    expect([response.status, response.headers.get("content-type")]).toEqual([500, "application/problem+json"]);
  });

  test("a body that declares too much is refused without being waited for, and the connection is closed", async () => {
    const client = rawClient();
    client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{",
    );
    expect(await client.received(/BODY_TOO_LARGE/)).toStartWith("HTTP/1.1 413");
    await client.closed;
  });

  test("a body in chunks that is too large is refused, and what its caller still sends does not cost it the answer", async () => {
    const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
    const client = rawClient();
    client.pause();
    client.send(chunkedHead + chunk.repeat(5));
    // Long enough for a server that would close the connection now.
    await Bun.sleep(100);
    for (let sent = 0; sent < 5; sent += 1) client.send(chunk.repeat(10));
    client.send("0\r\n\r\n");
    await Bun.sleep(100);
    client.resume();
    expect(await client.received(/BODY_TOO_LARGE/)).toStartWith("HTTP/1.1 413");
    await client.closed;
  });

  test("a body in chunks without end is refused a second after it became too large", async () => {
    const client = rawClient();
    client.send(chunkedHead);
    for (let sent = 0; sent < 5; sent += 1) client.send(`10000\r\n${"x".repeat(65_536)}\r\n`);
    expect(await client.received(/BODY_TOO_LARGE/)).toStartWith("HTTP/1.1 413");
    await client.closed;
  });
});
