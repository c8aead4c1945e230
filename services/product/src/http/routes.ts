import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/product";
import { MAX_STOCK } from "@shop/contracts/primitives";
import { done, problem } from "@shop/http/answer";
import type { HttpApp } from "@shop/http/app";
import type { ServiceContext } from "@shop/service/context";
import { findProduct, listProducts } from "../db/products.ts";
import { changeProduct } from "../use-cases/change-product.ts";
import { changeStock } from "../use-cases/change-stock.ts";
import { createProduct } from "../use-cases/create-product.ts";
import { withdrawProduct } from "../use-cases/withdraw-product.ts";

const notFound = () => problem("NOT_FOUND", "There is no such product on sale.");

export function productRoutes(app: HttpApp, context: ServiceContext): void {
  app.handle(calls.listProducts, async ({ query: { limit, cursor } }) => {
    const rows = await listProducts(context.db, { afterId: cursor, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.getProduct, async ({ id }) => {
    const product = await findProduct(context.db, id);
    return product ? done(product) : notFound();
  });

  app.handle(calls.createProduct, async ({ principal, body, traceparent }) => {
    const product = await createProduct(context, { ...body, createdBy: principal.id, traceparent });
    return done(product, { location: `/api/products/${product.id}` });
  });

  app.handle(calls.changeProduct, async ({ id, body, traceparent }) => {
    const product = await changeProduct(context, { productId: id, change: body, traceparent });
    return product ? done(product) : notFound();
  });

  app.handle(calls.withdrawProduct, async ({ id, traceparent }) => {
    const wasOnSale = await withdrawProduct(context, { productId: id, traceparent });
    return wasOnSale ? done() : notFound();
  });

  app.handle(calls.changeStock, async ({ principal, id, body }) => {
    const result = await changeStock(context, { productId: id, delta: body.delta, changedBy: principal.id });
    if (result.kind === "changed") return done(result.product);
    if (result.code === "NOT_FOUND") return notFound();
    return problem(result.code, `The stock must stay from 0 to ${MAX_STOCK}, with what orders hold counted in.`);
  });
}
