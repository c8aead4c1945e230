import { toPage, spanOf } from "@shop/contracts/http/page";
import * as bulkCalls from "@shop/contracts/http/bulk";
import * as calls from "@shop/contracts/http/saga";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { RequestCall } from "@shop/http/request/call";
import { auditOrigin } from "@shop/service/audit-origin";
import { beginBulk, bulkById, bulkPage, bulkRequestOf, stopBulkById } from "@shop/service/bulk";
import type { ServiceContext } from "@shop/service/context";
import { bulkSagas } from "../saga/bulk.ts";
import { findPicture } from "../use-cases/show-saga.ts";
import { findSaga, listHistory, listSagas, lookForSagas } from "../db/sagas.ts";
import type { AdminRequest } from "../saga/advance.ts";
import { intervene } from "../saga/intervene.ts";
import type { SagaVersions } from "../saga/versions.ts";

const notFound = () => problem("NOT_FOUND", "There is no such saga.");

const MAX_BIGINT = 2n ** 63n - 1n;

/** The place in a history that a cursor stands for: its number, in hexadecimal digits. */
function placeOf(cursor: string): bigint {
  const place = BigInt(`0x${cursor.replaceAll("-", "")}`);
  return place > MAX_BIGINT ? MAX_BIGINT : place;
}

export function sagaRoutes(
  app: HttpApp,
  context: ServiceContext,
  versions: SagaVersions<OrderSnapshot, CancelReason>,
): void {
  const { db } = context;

  app.handle(calls.listSagas, async ({ query, signal }) => {
    const { limit, status, step, reason, orderId, customerId, productId } = query;
    const wanted = { status, step, reason, orderId, span: spanOf(query) };
    if (customerId !== undefined || productId !== undefined)
      return done(await lookForSagas(context.read(signal), { ...wanted, limit }, { customerId, productId }));
    const rows = await listSagas(context.read(signal), { ...wanted, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.getSaga, async ({ id, signal }) => {
    const saga = await findSaga(context.read(signal), id);
    return saga ? done(saga) : notFound();
  });

  app.handle(calls.getSagaPicture, async ({ id, signal }) => {
    const picture = await findPicture(context.read(signal), id, versions);
    return picture ? done(picture) : notFound();
  });

  app.handle(calls.listSagaHistory, async ({ id, query: { limit, cursor }, signal }) => {
    const beforeSeq = cursor === undefined ? undefined : placeOf(cursor);
    const rows = await listHistory(context.read(signal), { sagaId: id, beforeSeq, limit: limit + 1 });
    if (rows === undefined) return notFound();
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return done({
      items: shown.map(({ entry }) => entry),
      nextCursor: rows.length > limit && last ? last.seq.toString(16).padStart(32, "0") : null,
    });
  });

  const target = bulkSagas(context, versions);
  app.handle(bulkCalls.bulkSagas, async (call) =>
    done(await beginBulk(context, target, bulkRequestOf(call), call.signal)),
  );
  app.handle(bulkCalls.listSagaBulks, async ({ query, signal }) =>
    done(await bulkPage(context, target, query, signal)),
  );
  app.handle(bulkCalls.getSagaBulk, async ({ id, signal }) => {
    const bulk = await bulkById(context, id, signal);
    return bulk ? done(bulk) : problem("NOT_FOUND", "There is no such operation.");
  });
  app.handle(bulkCalls.stopSagaBulk, async (call) => {
    const bulk = await stopBulkById(context, call.id, auditOrigin(call));
    return bulk ? done(bulk) : problem("NOT_FOUND", "There is no such operation.");
  });

  const intervention = (request: AdminRequest) => async (call: RequestCall & { readonly id: string }) => {
    const { principal, id, traceparent } = call;
    const origin = auditOrigin(call);
    const result = await intervene(context, versions, { sagaId: id, request, by: principal.id, origin, traceparent });
    if (result.kind === "refused")
      return result.code === "NOT_FOUND" ? notFound() : problem(result.code, result.detail);
    const saga = await findSaga(db, id);
    return saga ? done(saga) : notFound();
  };
  app.handle(calls.retrySaga, intervention("retry"));
  app.handle(calls.cancelSaga, intervention("cancel"));
}
