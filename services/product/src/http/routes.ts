import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/product";
import { MAX_STOCK } from "@shop/contracts/primitives";
import { done, notModified, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { RequestCall } from "@shop/http/request/call";
import { evaluatePreconditions } from "@shop/http/request/preconditions";
import { auditOrigin } from "@shop/service/audit-origin";
import type { ServiceContext } from "@shop/service/context";
import { findProduct, listProducts } from "../db/products.ts";
import { changeProduct } from "../use-cases/change-product.ts";
import { changeStock } from "../use-cases/change-stock.ts";
import { createProduct } from "../use-cases/create-product.ts";
import { withdrawProduct } from "../use-cases/withdraw-product.ts";

const notFound = () => problem("NOT_FOUND", "There is no such product on sale.");

const etagOf = (version: number) => `"${version}"`;
const tagged = ({ version }: calls.Product) => ({ etag: etagOf(version) });

const versionMismatch = (product: calls.Product) =>
  problem(
    "VERSION_MISMATCH",
    `The product has version ${product.version}, which is not what the request's preconditions ask for.`,
    { members: { version: product.version, product }, headers: tagged(product) },
  );

interface Conditional extends RequestCall {
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** What the preconditions of a call come to, by the version that the product has. */
const preconditionsOf =
  ({ c, headers }: Conditional) =>
  (version: number) =>
    evaluatePreconditions(
      { method: c.req.method, ifMatch: headers["if-match"], ifNoneMatch: headers["if-none-match"] },
      etagOf(version),
    );

/** Whether a call that changes a product may do so, by the version that the product has. */
function onlyIf(call: Conditional): (version: number) => boolean {
  const verdictAt = preconditionsOf(call);
  return (version) => verdictAt(version) === "met";
}

export function productRoutes(app: HttpApp, context: ServiceContext): void {
  app.handle(calls.listProducts, async ({ query: { limit, cursor }, signal }) => {
    const rows = await listProducts(context.read(signal), { afterId: cursor, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.getProduct, async (call) => {
    const product = await findProduct(context.read(call.signal), call.id);
    if (product === undefined) return notFound();
    // The stock changes without the version: who keeps the answer by its tag would show an old one.
    const headers = { ...tagged(product), "cache-control": "no-store" };
    switch (preconditionsOf(call)(product.version)) {
      case "met":
        return done(product, headers);
      case "notModified":
        return notModified(headers);
      case "failed":
        return versionMismatch(product);
    }
  });

  app.handle(calls.createProduct, async (call) => {
    const { body, traceparent } = call;
    const product = await createProduct(context, { ...body, origin: auditOrigin(call), traceparent });
    return done(product, { ...tagged(product), location: `/api/products/${product.id}` });
  });

  app.handle(calls.changeProduct, async (call) => {
    const { id: productId, body: change, traceparent } = call;
    const request = { productId, change, onlyIf: onlyIf(call), traceparent, origin: auditOrigin(call) };
    const result = await changeProduct(context, request);
    if (result.kind === "changed") return done(result.product, tagged(result.product));
    return result.code === "NOT_FOUND" ? notFound() : versionMismatch(result.product);
  });

  app.handle(calls.withdrawProduct, async (call) => {
    const { id: productId, traceparent } = call;
    const request = { productId, onlyIf: onlyIf(call), traceparent, origin: auditOrigin(call) };
    const result = await withdrawProduct(context, request);
    if (result.kind === "withdrawn") return done();
    return result.code === "NOT_FOUND" ? notFound() : versionMismatch(result.product);
  });

  app.handle(calls.changeStock, async (call) => {
    const { id: productId, body } = call;
    const request = { productId, delta: body.delta, onlyIf: onlyIf(call), origin: auditOrigin(call) };
    const result = await changeStock(context, request);
    if (result.kind === "changed") return done(result.product, tagged(result.product));
    if (result.code === "NOT_FOUND") return notFound();
    if (result.code === "VERSION_MISMATCH") return versionMismatch(result.product);
    return problem(result.code, `The stock must stay from 0 to ${MAX_STOCK}, with what orders hold counted in.`);
  });
}
