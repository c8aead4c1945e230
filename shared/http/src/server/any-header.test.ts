import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { z } from "zod";
import { conditionalHeaders, defineEndpoint } from "@shop/contracts/http/define";
import { pageQuery } from "@shop/contracts/http/page";
import { IdempotencyKey } from "@shop/contracts/primitives";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger } from "@shop/testing/logger";
import { done } from "../request/answer.ts";
import { addressAtEdge, addressFromGateway } from "./client-address.ts";
import { createApp } from "./app.ts";
import { serveFile, staticFile } from "./static-file.ts";

/** What the server's parser lets through in a value: latin-1 without NUL and line ends. Empty and long values come often. */
const value = fc.oneof(
  fc.constantFrom("", "*", '"', '"1"', 'W/"1"', '"1",', ",", ";", "=", "bytes=0-", "bytes=-1", "bytes=5-1,0-0", "::1"),
  fc.string({ unit: fc.constantFrom(...' !"*,;=:-./0123456789abcfWx\t\u0001\u001f\u007f\u0080\u00ff'), maxLength: 80 }),
  fc.tuple(fc.constantFrom("x", ",", '"', " ", '"1",', "1.1.1.1,"), fc.nat(3_000)).map(([part, n]) => part.repeat(n)),
);
const names = [
  ...["x-request-id", "traceparent", "x-forwarded-for", "x-client-address", "if-match", "if-none-match"],
  ...["idempotency-key", "range", "if-range", "accept", "accept-encoding", "cookie", "authorization", "content-type"],
];
const anyHeaders = fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1 });

const item = { service: "order", summary: "", access: "anyone", path: "/items" } as const;
const list = defineEndpoint({
  ...item,
  ...{ name: "list", method: "GET", query: pageQuery({}), success: { status: 200, schema: z.unknown() } },
});
const create = defineEndpoint({
  ...item,
  ...{ name: "create", method: "POST", body: z.strictObject({ name: z.string() }) },
  headers: { ...conditionalHeaders, "idempotency-key": IdempotencyKey },
  success: { status: 201, schema: z.unknown() },
});

function build() {
  const { logger, lines } = capturedLogger();
  const app = createApp({
    ...{ service: "order", clock: systemClock, logger, metrics: createMetrics() },
    verifier: { verify: () => Promise.resolve(undefined) },
  });
  app.handle(list, ({ requestId, traceparent }) => done({ requestId, traceparent }));
  app.handle(create, ({ requestId, traceparent }) => done({ requestId, traceparent }));
  return { app, lines };
}

test("whatever headers and cursor a call carries, it is answered or refused by a 4xx, with one usable id and trace", async () => {
  const { app, lines } = build();
  await fc.assert(
    fc.asyncProperty(anyHeaders, fc.option(fc.string({ unit: "binary" })), async (headers, cursor) => {
      const query = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor.toWellFormed())}`;
      const calls = [
        app.request(`/items${query}`, { headers }),
        app.request("/items", {
          method: "POST",
          body: '{"name":"a"}',
          headers: { "content-type": "application/json", ...headers },
        }),
      ];
      for (const answer of await Promise.all(calls)) {
        expect(answer.status).toBeWithin(200, 500);
        expect(answer.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
        if (!answer.ok) continue;
        const { traceparent } = (await answer.json()) as { traceparent: string };
        expect(traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/);
      }
    }),
    { numRuns: 200 },
  );
  expect(lines.filter(({ level }) => level === "error")).toEqual([]);
}, 60_000);

test("whatever is told of a client's address, it is an IP address or none", () => {
  const address = /^[0-9a-f.:]{2,45}(%[^\s,]+)?$/i;
  fc.assert(
    fc.property(fc.oneof(value, fc.ipV4(), fc.ipV6()), fc.option(fc.ipV4()), fc.nat(3), (told, appended, proxies) => {
      const headers = new Headers({ "x-client-address": told });
      headers.set("x-forwarded-for", appended === null ? told : `${told}, ${appended}`);
      const found = [addressFromGateway(headers, () => undefined), addressAtEdge(proxies)(headers, () => told)];
      for (const one of found) if (one !== undefined) expect(one).toMatch(address);
      // What the nearest proxy appended counts, whatever the client wrote before it.
      if (appended !== null) expect(addressAtEdge(1)(headers, () => told)).toBe(appended);
    }),
    { numRuns: 500 },
  );
});

test("whatever conditions and ranges a file is asked for with, it is sent whole, or 304 or 412 without a body", async () => {
  const content = new TextEncoder().encode("hello");
  const file = await staticFile(content, "text/plain");
  await fc.assert(
    fc.asyncProperty(anyHeaders, async (given) => {
      const answer = serveFile(file, new Headers({ ...given, "accept-encoding": "" }), { "cache-control": "no-cache" });
      expect([200, 304, 412]).toContain(answer.status);
      expect(await answer.text()).toBe(answer.status === 200 ? "hello" : "");
    }),
    { numRuns: 200 },
  );
});
