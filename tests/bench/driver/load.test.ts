import { afterEach, expect, test } from "bun:test";
import { carryOut } from "./load.ts";
import type { PlannedRequest } from "./plan.ts";

let server: ReturnType<typeof Bun.serve> | undefined;
afterEach(() => server?.stop(true));

function serve(handle: (request: Request, call: number) => Response | Promise<Response>): string {
  let calls = 0;
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      calls += 1;
      return handle(request, calls);
    },
  });
  return server.url.origin;
}

const request = (key: string): PlannedRequest => ({
  method: "POST",
  path: "/orders",
  headers: { key },
  body: `{"k":"${key}"}`,
});
const many = (count: number) => Array.from({ length: count }, (_, index) => request(String(index)));

test("a closed loop makes each call once and keeps so many in flight", async () => {
  let now = 0;
  let most = 0;
  const origin = serve(async (received) => {
    now += 1;
    most = Math.max(most, now);
    await Bun.sleep(5);
    now -= 1;
    return Response.json({ id: ((await received.json()) as { k: string }).k }, { status: 201 });
  });
  const outcomes = await carryOut({ origin, load: { kind: "closed", inFlight: 4 }, requests: many(40) });
  expect(outcomes.map(({ id }) => id)).toEqual(many(40).map((_, index) => String(index)));
  expect(most).toBe(4);
});

test("at a constant rate a server that stops makes all calls late that were due meanwhile: no coordinated omission", async () => {
  const stopped = Promise.withResolvers<void>();
  const origin = serve(async (_, call) => {
    // All that is due while the first call waits is sent and counted from when it was due.
    if (call === 20) stopped.resolve();
    await stopped.promise;
    return Response.json({ id: "x" });
  });
  const outcomes = await carryOut({ origin, load: { kind: "constant", perSecond: 200 }, requests: many(20) });
  const intended = outcomes.map(({ intendedAt }) => intendedAt);
  for (const [index, at] of intended.entries()) expect(at - (intended[0] ?? 0)).toBeCloseTo(index * 5, 3);
  // The last call was due 95 ms after the first, and no call was answered before.
  const first = outcomes[0];
  expect((first?.answeredAt ?? 0) - (first?.intendedAt ?? 0)).toBeGreaterThanOrEqual(95);
});

test("a refused call and one whose connection broke are made again, and all of the time counts", async () => {
  const origin = serve((_, call) => {
    if (call === 1) return new Response(null, { status: 503 });
    return Response.json({ id: "stored" }, { status: 201 });
  });
  const [outcome] = await carryOut({ origin, load: { kind: "closed", inFlight: 1 }, requests: [request("a")] });
  expect(outcome).toMatchObject({ id: "stored", refusals: 1 });
  expect((outcome?.answeredAt ?? 0) - (outcome?.intendedAt ?? 0)).toBeGreaterThanOrEqual(20);
});

test("an answer that is neither success nor a refusal ends the load, with what it says", async () => {
  const origin = serve(() => Response.json({ title: "no such product" }, { status: 422 }));
  const load = carryOut({ origin, load: { kind: "closed", inFlight: 1 }, requests: [request("a")] });
  await expect(load).rejects.toThrow('a call was answered 422 {"title":"no such product"}');
});

test("chunked answers and bodies longer than a packet are read whole", async () => {
  const long = `{"padding":"${"ä".repeat(100_000)}","id":"last"}`;
  const origin = serve((_, call) => {
    if (call === 1) return new Response(long);
    const stream = new ReadableStream({
      async start(controller) {
        for (let at = 0; at < long.length; at += 20_000) {
          controller.enqueue(new TextEncoder().encode(long.slice(at, at + 20_000)));
          await Bun.sleep(1);
        }
        controller.close();
      },
    });
    return new Response(stream);
  });
  const outcomes = await carryOut({ origin, load: { kind: "closed", inFlight: 1 }, requests: many(3) });
  expect(outcomes.map(({ id }) => id)).toEqual(["last", "last", "last"]);
});
