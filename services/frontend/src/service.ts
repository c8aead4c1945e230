import { type AppOptions, createApp } from "@shop/http/app";
import { createForward } from "@shop/http/proxy";
import type { Built, ProcessParts } from "@shop/service/process";
import { readProducts } from "./catalogue.ts";
import { homePage, STYLE_SHEET } from "./pages/home.tsx";

interface FrontendDependencies extends ProcessParts, Pick<AppOptions, "addressRateLimit"> {
  readonly gatewayUrl: string;
  /** From a call being sent on to the first byte of its answer, in milliseconds. */
  readonly upstreamTimeoutMs: number;
}

/** What the gateway answers. It knows the methods of each. */
const forwardedPaths = ["/login", "/login/refresh", "/logout", "/api/*", "/openapi.json", "/.well-known/jwks.json"];

/** Nothing from elsewhere, no script at all, and no other site may frame it. */
const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
const STYLE_HEADERS = {
  "content-type": "text/css; charset=utf-8",
  "cache-control": "public, max-age=3600",
  "x-content-type-options": "nosniff",
};

/** The frontend: the pages, and the way of every call of the API to the gateway. */
export function createFrontend({ gatewayUrl, upstreamTimeoutMs, ...parts }: FrontendDependencies): Built {
  const app = createApp({ service: "frontend", ...parts });
  const forward = createForward({ ...parts, answerWithinMs: upstreamTimeoutMs, tooLarge: "tell" });
  const upstream = { name: "gateway", url: gatewayUrl };

  app.raw({ method: "GET", path: "/", access: "anyone" }, async (call) => {
    const products = await readProducts({ gatewayUrl, call, logger: parts.logger });
    return call.c.html(homePage(products), 200, PAGE_HEADERS);
  });
  app.raw(
    { method: "GET", path: "/style.css", access: "anyone" },
    () => new Response(STYLE_SHEET, { headers: STYLE_HEADERS }),
  );

  for (const path of forwardedPaths) {
    app.raw({ method: "ANY", path, access: "anyone" }, (call) =>
      forward(call, { upstream, takesBody: mayHaveBody(call.c.req.method) }),
    );
  }
  app.raw({ method: "ANY", path: "/docs", access: "anyone" }, (call) =>
    forward(call, { upstream, takesBody: false, mediaTypes: ["text/html"] }),
  );

  return {
    app,
    /** Ready as soon as it listens: without the gateway it still shows its page, and calls are told to come again. */
    ready: async () => ({ ready: true, checks: { process: "ok" } }),
    start: () => {},
    stop: async () => {},
  };
}

function mayHaveBody(method: string): boolean {
  return method === "POST" || method === "PUT" || method === "PATCH";
}
