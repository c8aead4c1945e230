import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/saga";
import { done, problem } from "@shop/http/answer";
import type { HttpApp } from "@shop/http/app";
import type { ServiceContext } from "@shop/service/context";
import { findSaga, listSagas } from "../db/sagas.ts";

export function sagaRoutes(app: HttpApp, { db }: ServiceContext): void {
  app.handle(calls.listSagas, async ({ query: { limit, cursor, status, step, orderId } }) => {
    const rows = await listSagas(db, { status, step, orderId, afterId: cursor, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.getSaga, async ({ id }) => {
    const saga = await findSaga(db, id);
    return saga ? done(saga) : problem("NOT_FOUND", "There is no such saga.");
  });
}
