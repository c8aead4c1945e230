import { fileURLToPath } from "node:url";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import { problem, problemResponse } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { pageHeaders } from "@shop/http/server/page-headers";
import {
  ASKED_FOR_EACH_TIME,
  KEPT_FOR_EVER,
  serveFile,
  staticFile,
  type StaticFile,
} from "@shop/http/server/static-file";
import { asyncApiDocument } from "./asyncapi.ts";
import { layout } from "./layout.ts";
import { messagesPage } from "./messages-page.ts";
import { openApiDocument } from "./openapi.ts";

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";
const PAGE = "text/html; charset=utf-8";

/** What the pages load, each from this host. */
const assetSources = {
  swaggerScript: { find: () => import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"), type: SCRIPT },
  swaggerStyle: { find: () => import.meta.resolve("swagger-ui-dist/swagger-ui.css"), type: STYLE },
  start: { find: () => import.meta.resolve("./page/swagger.js"), type: SCRIPT },
  style: { find: () => import.meta.resolve("./page/docs.css"), type: STYLE },
} as const;

interface Asset {
  readonly path: string;
  readonly file: StaticFile;
}

/** The pages that explain the API, and the documents that they show. All of it is made when it is asked for first, and kept. */
export function docsRoutes(app: HttpApp): void {
  const assets = once(loadAssets);
  const get = (path: string, answer: (request: Headers) => Promise<Response | undefined>) =>
    app.raw({ method: "GET", path, access: "anyone" }, async ({ c }) => {
      const response = await answer(c.req.raw.headers);
      return response ?? problemResponse(c, problem("NOT_FOUND", "There is nothing here."));
    });
  const openApi = once(() => jsonFile(openApiDocument(allEndpoints)));
  const apiPage = once(async () => textFile(await swaggerPage(await assets()), PAGE));
  const asyncApi = once(() => jsonFile(asyncApiDocument()));
  const messages = once(async () => textFile(await pageOfMessages(await assets()), PAGE));
  // Swagger UI cleans what it writes as HTML, which comes from our own document besides.
  const apiPageHeaders = { ...pageHeaders({ writesHtml: true }), "cache-control": ASKED_FOR_EACH_TIME };

  get("/openapi.json", async (request) => serveFile(await openApi(), request, documentHeaders));
  get("/asyncapi.json", async (request) => serveFile(await asyncApi(), request, documentHeaders));
  const messagesHeaders = { ...pageHeaders(), ...documentHeaders };
  get("/docs/messages", async (request) => serveFile(await messages(), request, messagesHeaders));
  get("/docs", async (request) => serveFile(await apiPage(), request, apiPageHeaders));
  app.raw({ method: "GET", path: "/docs/assets/{file}", access: "anyone" }, async ({ c }) => {
    const asset = Object.values(await assets()).find(({ path }) => path === c.req.path);
    if (asset === undefined) return problemResponse(c, problem("NOT_FOUND", "There is nothing here."));
    return serveFile(asset.file, c.req.raw.headers, { "cache-control": KEPT_FOR_EVER });
  });
}

async function pageOfMessages({ style }: Readonly<Record<keyof typeof assetSources, Asset>>): Promise<string> {
  return layout({
    title: "Messages — order and delivery",
    description: "Every message between the services of order and delivery.",
    path: "/docs/messages",
    styles: [style.path],
    scripts: [],
    content: await messagesPage(asyncApiDocument()),
  });
}

const documentHeaders = { "cache-control": ASKED_FOR_EACH_TIME };

function swaggerPage(assets: Readonly<Record<keyof typeof assetSources, Asset>>): Promise<string> {
  const { style, swaggerStyle, swaggerScript, start } = assets;
  return layout({
    title: "HTTP API — order and delivery",
    description: "Every call of the order and delivery API, to be read and to be tried.",
    path: "/docs",
    styles: [swaggerStyle.path, style.path],
    scripts: [swaggerScript.path, start.path],
    content: `<div id="swagger"></div>
<noscript><p class="notice">This page needs JavaScript. All that it shows is in <a href="/openapi.json">openapi.json</a>.</p></noscript>`,
  });
}

async function loadAssets(): Promise<Readonly<Record<keyof typeof assetSources, Asset>>> {
  const loaded = Object.entries(assetSources).map(async ([name, { find, type }]) => {
    const source = Bun.file(fileURLToPath(find()));
    const file = await staticFile(await source.bytes(), type, "quick");
    return [name, { file, path: `/docs/assets/${file.hash}.${type === SCRIPT ? "js" : "css"}` }] as const;
  });
  return Object.fromEntries(await Promise.all(loaded)) as Record<keyof typeof assetSources, Asset>;
}

const textFile = (text: string, type: string) => staticFile(new TextEncoder().encode(text), type, "quick");
const jsonFile = (document: object) => textFile(JSON.stringify(document), "application/json");

/** What is made at the first call, and given at each later one. What could not be made is retried. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
