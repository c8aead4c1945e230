import { beforeAll, expect, test } from "bun:test";
import { createApp, type HttpApp } from "@shop/http/server/app";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import { docsRoutes } from "./routes.ts";

const pages = ["/docs", "/docs/messages"];
const documents = ["/openapi.json", "/asyncapi.json"];
let app: HttpApp;

beforeAll(() => {
  app = createApp({
    ...{ service: "gateway", clock: new ManualClock(), logger: capturedLogger().logger, metrics: createMetrics() },
  });
  docsRoutes(app);
});

const call = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  app.request(path, { method, headers });

/** What a page loads. */
async function assetsOf(path: string): Promise<readonly string[]> {
  const page = await (await call(path)).text();
  return Array.from(
    page.matchAll(/(?:href|src)="(?<path>\/docs\/assets\/[^"]+)"/g),
    (found) => found.groups?.["path"] ?? "",
  );
}

test.each(pages)("%s loads scripts and styles of its own host only, and has nothing inline", async (path) => {
  const response = await call(path);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  const page = await response.text();
  expect(page).toStartWith("<!doctype html>");
  expect(page).not.toMatch(/<script(?![^>]* src="\/docs\/assets\/)|<style|style=|\son\w+=|src="http|href="http/);
  expect(await assetsOf(path)).not.toBeEmpty();
});

test("what the pages load may be kept for ever, and is small for whoever takes it compressed", async () => {
  const paths = new Set((await Promise.all(pages.map(assetsOf))).flat());
  for (const path of paths) {
    const sizes: number[] = [];
    for (const encoding of ["br", "gzip", null]) {
      const response = await call(path, { "accept-encoding": encoding ?? "identity" });
      expect([response.status, response.headers.get("content-encoding")]).toEqual([200, encoding]);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      sizes.push((await response.arrayBuffer()).byteLength);
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  }
  const missing = await call("/docs/assets/0000000000000000.js");
  expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
});

test.each([...pages, ...documents])(
  "%s is asked for again each time, and sent again only when it has changed",
  async (path) => {
    const first = await call(path, { "accept-encoding": "br" });
    expect(first.headers.get("cache-control")).toBe("no-cache");
    const etag = first.headers.get("etag") ?? "";
    const again = await call(path, { "accept-encoding": "br", "if-none-match": etag });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    expect((await call(path, { "if-none-match": etag })).status).toBe(200);
  },
);

test.each([...pages, ...documents])("%s answers HEAD as GET, and other methods with 405", async (path) => {
  const head = await call(path, {}, "HEAD");
  expect([head.status, await head.text()]).toEqual([200, ""]);
  const post = await call(path, {}, "POST");
  expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});
