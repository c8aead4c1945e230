import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";

/** frontend and gateway as processes of their own; the services behind them are one server of this test. */
const REPOSITORY = `${import.meta.dir}/../..`;
const REQUEST_ID = "caller-0001";

interface Edge {
  readonly url: string;
  readonly managementUrl: string;
  readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;
}

let received: { method: string; path: string; headers: Headers }[] = [];
let answer: (request: Request) => Response | Promise<Response>;
let services: Bun.Server<undefined>;
let gateway: Edge;
let frontend: Edge;

/** Starts a process and waits for the line in which it tells its ports. */
async function start(name: "gateway" | "frontend", environment: Record<string, string>): Promise<Edge> {
  const child = Bun.spawn([process.execPath, `services/${name}/src/main.ts`], {
    cwd: REPOSITORY,
    env: { PATH: process.env["PATH"] ?? "", PORT: "0", MANAGEMENT_PORT: "0", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  let log = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`${name} ended before it listened:\n${log}`);
    log += new TextDecoder().decode(value);
    const line = log.split("\n").find((each) => each.includes('"listening"') && each.endsWith("}"));
    if (line === undefined) continue;
    void drain(reader);
    const { port, managementPort } = JSON.parse(line) as { port: number; managementPort: number };
    const [url, managementUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${managementPort}`];
    return { url, managementUrl, child };
  }
}

/** A process whose output nobody reads stands still once the pipe is full. */
async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

/** How many calls to this upstream have failed, by the metrics of a process. */
async function failuresOf({ managementUrl }: Edge, upstream: string): Promise<number> {
  const metrics = await (await fetch(`${managementUrl}/metrics`)).text();
  return Number(
    new RegExp(`^http_upstream_failures_total\\{upstream="${upstream}"\\} (\\d+)$`, "m").exec(metrics)?.[1] ?? 0,
  );
}

beforeAll(async () => {
  services = Bun.serve({
    port: 0,
    fetch(request) {
      const path = new URL(request.url).pathname;
      // The gateway asks for the keys by itself, whenever it likes.
      if (path === "/.well-known/jwks.json") return Response.json({ keys: [] });
      received.push({ method: request.method, path, headers: request.headers });
      return answer(request);
    },
  });
  const url = services.url.origin;
  // A receiver of traces that is away changes nothing of what follows.
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const names = ["USER", "ORDER", "PRODUCT", "DELIVERY", "ORCHESTRATOR"];
  gateway = await start("gateway", {
    JWKS_URL: `${url}/.well-known/jwks.json`,
    ...Object.fromEntries(names.map((name) => [`${name}_URL`, url])),
    ...traced,
  });
  frontend = await start("frontend", { GATEWAY_URL: gateway.url, ...traced });
});
beforeEach(() => {
  received = [];
  answer = () => Response.json({ items: [], nextCursor: null });
});
afterAll(async () => {
  for (const { child } of [frontend, gateway]) child.kill("SIGTERM");
  expect(await Promise.all([frontend, gateway].map(({ child }) => child.exited))).toEqual([0, 0]);
  await services.stop(true);
});

test("both listen and become ready, on a management port that is not the public one", async () => {
  for (const { url, managementUrl } of [gateway, frontend]) {
    await eventually(async () => expect((await fetch(`${managementUrl}/readyz`)).status).toBe(200));
    expect((await fetch(`${url}/readyz`)).status).toBe(404);
  }
});

describe("a request through frontend and gateway", () => {
  test("keeps one id and one trace, and loses what pretends to tell who calls", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const response = await fetch(`${frontend.url}/api/products`, {
      headers: {
        "x-request-id": REQUEST_ID,
        traceparent: `00-${trace}-b7ad6b7169203331-01`,
        "x-user-id": "1",
        "x-user-role": "admin",
        "x-forwarded-for": "10.0.0.1",
        forwarded: "for=10.0.0.1",
      },
    });
    expect([response.status, response.headers.get("x-request-id")]).toEqual([200, REQUEST_ID]);
    const headers = received[0]?.headers ?? new Headers();
    expect(headers.get("x-request-id")).toBe(REQUEST_ID);
    expect(headers.get("traceparent")).toStartWith(`00-${trace}-`);
    for (const name of ["x-user-id", "x-user-role", "x-forwarded-for", "forwarded"])
      expect(headers.has(name)).toBe(false);
  });

  test("without an id gets one at the first hop, the same everywhere", async () => {
    const response = await fetch(`${frontend.url}/api/products`);
    const requestId = response.headers.get("x-request-id");
    expect(requestId).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
    expect(received[0]?.headers.get("x-request-id")).toBe(requestId);
    const refused = await fetch(`${frontend.url}/api/users/me`);
    expect(await refused.json()).toMatchObject({ status: 401, requestId: refused.headers.get("x-request-id") });
  });

  test.each(["frontend", "gateway"] as const)(
    "at the %s: HEAD has the length of GET and no body, 404 and 405 are problems",
    async (hop) => {
      const { url } = hop === "frontend" ? frontend : gateway;
      const head = await fetch(`${url}/api/products`, { method: "HEAD" });
      expect([head.status, await head.text(), received[0]?.method]).toEqual([200, "", "HEAD"]);
      const { length } = await (await fetch(`${url}/api/products`)).text();
      expect(head.headers.get("content-length")).toBe(String(length));
      const unknown = await fetch(`${url}/api/nothing`);
      expect([unknown.status, unknown.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
      const wrong = await fetch(`${url}/api/products`, { method: "PUT" });
      expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    },
  );

  test("with a body that is too large is 413 where anyone may call, 401 where not", async () => {
    const body = new Uint8Array(300_000);
    const statusOf = async (path: string) => (await fetch(frontend.url + path, { method: "POST", body })).status;
    expect([await statusOf("/login"), await statusOf("/api/orders")]).toEqual([413, 401]);
    expect(received).toEqual([]);
  });

  test("to a service that hangs is the gateway's 503, before the frontend would give up, and the call to the service is ended", async () => {
    let ended = false;
    answer = (request) =>
      new Promise(() => {
        request.signal.addEventListener("abort", () => {
          ended = true;
        });
      });
    const before = await failuresOf(frontend, "gateway");
    const response = await fetch(`${frontend.url}/api/products`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    await eventually(() => expect(ended).toBe(true));
    expect(await failuresOf(gateway, "product")).toBe(1);
    expect(await failuresOf(frontend, "gateway")).toBe(before);
  });

  test("that its caller gives up is given up by the service too", async () => {
    let ended = false;
    answer = (request) =>
      new Promise(() => {
        request.signal.addEventListener("abort", () => {
          ended = true;
        });
      });
    const before = await failuresOf(gateway, "product");
    const leaving = new AbortController();
    const answered = fetch(`${frontend.url}/api/products`, { signal: leaving.signal }).catch((error: unknown) => error);
    await eventually(() => expect(received).toHaveLength(1));
    leaving.abort();
    await eventually(() => expect(ended).toBe(true));
    expect(await answered).toBeInstanceOf(Error);
    // The gateway has not waited for the end of its own time, which it counts as a failure.
    expect(await failuresOf(gateway, "product")).toBe(before);
  });

  test("for a stream of events gets each as it comes, and leaving ends the stream at its source", async () => {
    let send = (_text: string) => {};
    let ended = false;
    answer = () =>
      new Response(
        new ReadableStream({
          start(controller) {
            send = (text) => controller.enqueue(new TextEncoder().encode(text));
            send("data: 1\n\n");
          },
          cancel() {
            ended = true;
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    const response = await fetch(`${frontend.url}/api/products`);
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe("data: 1\n\n");
    send("data: 2\n\n");
    expect(await next()).toBe("data: 2\n\n");
    await reader.cancel();
    await eventually(() => expect(ended).toBe(true));
  });
});
