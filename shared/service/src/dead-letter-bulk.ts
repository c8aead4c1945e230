import * as calls from "@shop/contracts/http/bulk";
import type { DeadLetterCause, ParticipantName } from "@shop/contracts/http/dead-letter";
import type { BulkOutcome, Selection } from "@shop/database/bulk-operations";
import { isLockTimeout } from "@shop/database/errors";
import type { Transaction } from "@shop/database/connect";
import { inSavepoint } from "@shop/database/transaction";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import {
  countDeadLetters,
  type DeadLettersMeant,
  deadLettersByIds,
  nextDeadLetters,
  SETTLED,
} from "@shop/messaging/dead-letters/dead-letter-list";
import type { Replay } from "@shop/messaging/dead-letters/replay";
import { auditOrigin } from "./audit-origin.ts";
import { beginBulk, bulkById, bulkPage, bulkRequestOf, type BulkTarget, stopBulkById } from "./bulk.ts";
import type { ServiceContext } from "./context.ts";

function meant({ ids, filter = {}, beforeId }: Selection): DeadLettersMeant {
  const { cause, key, from, to } = filter;
  // It was checked by the call's schema.
  return { ids, cause: cause as DeadLetterCause | undefined, key, from, to, beforeId };
}

/** Replaying many dead letters of a service, each in a transaction of its own, and each key's in their order. */
export function bulkReplays(replay: Replay): BulkTarget {
  async function replayOne(tx: Transaction, id: string): Promise<BulkOutcome> {
    const tried = await replay.within(tx, id);
    if (tried === "settled") return { id, code: "DONE" };
    if (tried === "poison")
      return { id, code: "PROCESS_KILLED", detail: "It has crashed its process: replay it by itself." };
    const own = tried.find(({ entry }) => entry.id === id);
    if (own !== undefined)
      return SETTLED.includes(own.outcome)
        ? { id, code: "DONE" }
        : { id, code: own.outcome, detail: own.detail ?? undefined };
    const ahead = tried.at(-1);
    return { id, code: "WAITS", detail: `It waits behind ${ahead?.entry.id}: ${ahead?.detail ?? ahead?.outcome}.` };
  }

  return {
    actions: ["REPLAY"],
    // A handler that fails, or waits for a row, is not to roll back what others did.
    atOnce: 1,
    count: (db, selection, atMost) => countDeadLetters(db, meant(selection), atMost),
    next: (db, selection, afterId, limit) => nextDeadLetters(db, meant(selection), afterId, limit),
    async describe(db, ids) {
      const rows = await deadLettersByIds(db, ids);
      return rows.map(({ id, cause, type, key }) => ({
        id,
        what: `${type ?? "unknown type"}, ${cause}, key ${key ?? "none"}`,
      }));
    },
    async apply(tx, ids, { skipLocked }) {
      const outcomes: BulkOutcome[] = [];
      for (const id of ids) {
        const outcome = skipLocked
          ? await inSavepoint(tx, (inner) => replayOne(inner, id)).catch((error: unknown): BulkOutcome => {
              if (!isLockTimeout(error)) throw error;
              return { id, code: "LOCKED", detail: "another transaction has locked what it changes" };
            })
          : await replayOne(tx, id);
        outcomes.push(outcome);
      }
      return outcomes;
    },
  };
}

const notFound = () => problem("NOT_FOUND", "There is no such operation.");

/** A participant's own part of bulk replays. */
export function deadLetterBulkRoutes(
  app: HttpApp,
  context: ServiceContext,
  { service, target }: { readonly service: ParticipantName; readonly target: BulkTarget },
): void {
  app.handle(calls.bulkDeadLetters, async (call) => {
    const { filter, ...request } = bulkRequestOf(call);
    const { service: wanted, ...own } = filter ?? {};
    const none = { dryRun: request.dryRun, total: 0, sample: [], operations: [], unavailable: [] };
    if (wanted !== undefined && wanted !== service) return done(none);
    const selected = filter === undefined ? {} : { filter: own };
    const counted = await beginBulk(context, target, { ...request, ...selected, dryRun: true }, call.signal);
    const { total, sample } = counted;
    if (request.dryRun || total === 0) return done({ ...none, total, sample });
    const { operation } = await beginBulk(context, target, { ...request, ...selected }, call.signal);
    return done({ ...none, total, operations: operation === null ? [] : [{ ...operation, service }] });
  });

  app.handle(calls.listDeadLetterBulks, async ({ query, signal }) => {
    const { items, nextCursor } = await bulkPage(context, target, query, signal);
    return done({ items: items.map((item) => ({ ...item, service })), nextCursor, unavailable: [] });
  });

  app.handle(calls.getDeadLetterBulk, async ({ id, signal }) => {
    const bulk = await bulkById(context, id, signal);
    return bulk?.action === "REPLAY" ? done({ ...bulk, service }) : notFound();
  });

  app.handle(calls.stopDeadLetterBulk, async (call) => {
    const bulk = await bulkById(context, call.id, call.signal);
    if (bulk?.action !== "REPLAY") return notFound();
    const stopped = await stopBulkById(context, call.id, auditOrigin(call));
    return stopped ? done({ ...stopped, service }) : notFound();
  });
}
