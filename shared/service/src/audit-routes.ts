import { type AuditAction, type AuditedService, type AuditEntry, listAuditEntries } from "@shop/contracts/http/audit";
import { type Endpoint, type Role } from "@shop/contracts/http/define";
import { toPage } from "@shop/contracts/http/page";
import {
  appendAuditEntry,
  type AuditOrigin,
  type AuditRow,
  listAuditEntries as readAuditEntries,
  type NewAuditEntry,
} from "@shop/database/audit-trail";
import type { Database, Transaction } from "@shop/database/connect";
import type { Reader } from "@shop/database/reader";
import { inTransaction } from "@shop/database/transaction";
import type { RequestCall } from "@shop/http/request/call";
import { done } from "@shop/http/request/answer";
import type { HttpApp, OnExport } from "@shop/http/server/app";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import { auditOrigin } from "./audit-origin.ts";

/** An act as an entry is made of it. */
export interface AuditedAct {
  readonly action: AuditAction;
  readonly origin: AuditOrigin;
  readonly subject: NewAuditEntry["subject"];
  /** The state before and after, without secrets. */
  readonly before?: object | undefined;
  readonly after?: object | undefined;
}

interface EntrySources {
  readonly clock: Clock;
  readonly ids: IdSource;
}

/** An act as an entry that can be appended. */
export function newAuditEntry({ clock, ids }: EntrySources, act: AuditedAct): NewAuditEntry<AuditAction> {
  const { action, origin, subject, before, after } = act;
  return { id: ids(), at: new Date(clock.now()), action, subject, before, after, ...origin };
}

/** Appends an act to the audit trail: the last statement of its transaction, see `appendAuditEntry`. */
export function audit(sources: EntrySources, tx: Transaction, act: AuditedAct): Promise<void> {
  return appendAuditEntry(tx, newAuditEntry(sources, act));
}

/** A service's own part of the audit trails. */
export function auditRoutes(
  app: HttpApp,
  { service, read }: { readonly service: AuditedService; readonly read: Reader["during"] },
): void {
  app.handle(listAuditEntries, async ({ query, signal }) => {
    const { limit, cursor, from, until, service: wanted, ...filter } = query;
    if (wanted !== undefined && wanted !== service) return done({ items: [], nextCursor: null, unavailable: [] });
    const times = {
      from: from === undefined ? undefined : new Date(from),
      until: until === undefined ? undefined : new Date(until),
    };
    const page = { afterId: cursor, limit: limit + 1 };
    const rows = await readAuditEntries(read(signal), { ...filter, ...times }, page);
    const shown = rows.map((row) => shownAuditEntry(row, service));
    return done({ ...toPage(shown, limit), unavailable: [] });
  });
}

function shownAuditEntry(row: AuditRow, service: AuditedService): AuditEntry {
  const { id, seq, at, actorId, actorRole, subjectType, subjectId, requestId, userAgent, clientAddress } = row;
  return {
    ...{ id, service, seq, at: at.toISOString(), requestId, userAgent, clientAddress },
    // All of it was written by `newAuditEntry`.
    action: row.action as AuditAction,
    actor: actorId === null ? null : { id: actorId, role: actorRole as Role },
    subject: { type: subjectType, id: subjectId },
    before: row.before as AuditEntry["before"],
    after: row.after as AuditEntry["after"],
    previousHash: row.previousHash.toString("hex"),
    hash: row.hash.toString("hex"),
  };
}

/** Filters that people write words into. */
const WORDS: readonly string[] = ["q", "username"];

/**
 * Records that an admin takes a list out of the shop as a file, before its first page is given; further pages are part of the same export. What
 * customers and riders take is their own.
 */
export function auditExports({ db, ...sources }: EntrySources & { readonly db: Database }): OnExport {
  return async (call: RequestCall, endpoint: Endpoint, type: string) => {
    const { cursor, limit: _limit, ...filter } = call.c.req.query();
    if (endpoint.access === "anyone" || call.principal.role !== "admin" || cursor !== undefined) return;
    // Words that were looked for may be somebody's name or address: what cannot be changed does not keep them.
    const shown = Object.entries(filter).map(([name, value]) => [name, WORDS.includes(name) ? "…" : value]);
    const after = { path: endpoint.path, type, filter: Object.fromEntries(shown) as Record<string, string> };
    const subject = { type: "list", id: undefined };
    await inTransaction(db, (tx) =>
      audit(sources, tx, { action: "LIST_EXPORTED", origin: auditOrigin(call), subject, after }),
    );
  };
}
