import type { HttpApp } from "@shop/http/server/app";
import { problem, problemResponse } from "@shop/http/request/answer";
import type { RequestCall } from "@shop/http/request/call";
import type { Readiness } from "@shop/http/server/management";
import { pageHeaders } from "@shop/http/server/page-headers";
import type { Logger } from "@shop/runtime/logger";
import type { SessionCookies } from "../session/cookie.ts";
import { isFromElsewhere } from "../session/same-origin.ts";
import { type Assets, buildAssets } from "./assets.ts";
import { pagePaths } from "./paths.ts";
import { preferencesOf } from "./preferences.ts";

import { shell } from "./shell.ts";

interface PagesOptions {
  readonly cookies: SessionCookies;
  /** Builds the pages again for each visit, for who works on them. */
  readonly rebuild: boolean;
  readonly logger: Logger;
}

export interface Pages {
  routes(app: HttpApp): void;
  /** A page in place of the problem for anyone who follows a link to where nothing is; to be called when all other routes are there. */
  nowhere(app: HttpApp): void;
  /** Builds the script and the style sheet; a visitor who comes meanwhile waits. */
  start(): void;
  ready(): Readiness;
}

export function createPages({ cookies, rebuild, logger }: PagesOptions): Pages {
  const headers = pageHeaders();
  let state = "being built";
  let built: Promise<Assets> | undefined;

  function assets(): Promise<Assets> {
    built ??= build();
    return built;
  }

  async function build(): Promise<Assets> {
    try {
      const made = await buildAssets();
      state = "ok";
      return made;
    } catch (error) {
      state = "could not be built";
      logger.error("PAGES_BUILD_FAILED", "the pages could not be built", { error });
      throw error;
    }
  }

  async function page(c: RequestCall["c"], status: 200 | 404): Promise<Response> {
    if (rebuild) built = undefined;
    const given = c.req.raw.headers;
    const hasCookie = cookies.read(given.get("cookie")) !== undefined;
    // A link on another site brings no SameSite=Strict cookie. The script's own calls do, so it asks who is signed in.
    const session = hasCookie ? "yes" : isFromElsewhere(given) || !given.has("sec-fetch-site") ? "unknown" : "no";
    const document = shell({ ...preferencesOf(given), assets: await assets(), session });
    return c.html(document, status, { ...headers, vary: "Accept-Language, Cookie, Sec-Fetch-Site" });
  }

  return {
    routes(app) {
      for (const path of Object.values(pagePaths)) {
        app.raw({ method: "GET", path, access: "anyone" }, ({ c }) => page(c, 200));
      }
      app.raw({ method: "GET", path: "/assets/{file}", access: "anyone" }, async ({ c }) => {
        const { path, raw } = c.req;
        const response = (await assets()).serve(path, raw.headers);
        return response ?? problemResponse(c, problem("NOT_FOUND", "There is nothing here."));
      });
    },
    nowhere(app) {
      app.raw({ method: "GET", path: "/*", access: "anyone" }, async ({ c }) => {
        const refusal = await c.notFound();
        const isPerson = c.req.raw.headers.get("accept")?.includes("text/html") ?? false;
        return refusal.status === 404 && isPerson ? page(c, 404) : refusal;
      });
    },
    start() {
      // A failure has been told to the log, and is told to each visitor.
      assets().catch(() => undefined);
    },
    ready: () => ({ ready: state === "ok", checks: { pages: state } }),
  };
}
