import * as calls from "@shop/contracts/http/dead-letter";
import { spanOf, toPage } from "@shop/contracts/http/page";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Reader } from "@shop/database/reader";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { type DeadLetterRow, listDeadLetters } from "@shop/messaging/dead-letters/dead-letter-list";
import type { OnTried, Replay } from "@shop/messaging/dead-letters/replay";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import { auditOrigin } from "./audit-origin.ts";
import { audit } from "./audit-routes.ts";

/** How much of a payload a list shows, in bytes: a page of a hundred stays below half a megabyte. */
const SHOWN_BYTES = 2_000;

interface DeadLetterRouteOptions {
  readonly service: calls.ParticipantName;
  readonly read: Reader["during"];
  readonly replay: Replay;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

/** A participant's own part of the dead letters: what it could not handle, and handling it again. */
export function deadLetterRoutes(
  app: HttpApp,
  { service, read, replay, clock, ids, logger }: DeadLetterRouteOptions,
): void {
  /** An entry of the audit trail for each dead letter that an admin has retried. */
  const auditedBy =
    (origin: AuditOrigin): OnTried =>
    async (tx, tried) => {
      for (const { entry, outcome, detail } of tried) {
        const { id, cause, type, key } = entry;
        await audit({ clock, ids }, tx, {
          ...{ action: "DEAD_LETTER_REPLAYED", origin, subject: { type: "dead-letter", id } },
          ...{ before: { cause, type, key }, after: { outcome, detail } },
        });
      }
    };

  app.handle(calls.listDeadLetters, async ({ query, signal }) => {
    const { limit, cause, key, state, service: wanted } = query;
    if (wanted !== undefined && wanted !== service) return done({ items: [], nextCursor: null, unavailable: [] });
    const rows = await listDeadLetters(read(signal), { cause, key, state, span: spanOf(query), limit: limit + 1 });
    const page = toPage(
      rows.map((row) => shown(row, service)),
      limit,
    );
    return done({ ...page, unavailable: [] });
  });

  app.handle(calls.replayDeadLetter, async (call) => {
    const { id, body, principal } = call;
    const { dryRun } = body;
    const result = await replay.one(id, { dryRun, onTried: auditedBy(auditOrigin(call)) });
    if (result.kind === "unknown") return problem("NOT_FOUND", "There is no such dead letter.");
    if (result.kind === "replayed before") return problem("DEAD_LETTER_REPLAYED", "It was replayed before.");
    if (result.kind === "waits")
      return problem(
        "DEAD_LETTER_WAITS",
        `It waits behind an earlier message of its key: replay ${result.behindId} first.`,
      );
    const { outcome, detail, released } = result;
    logger.info("DEAD_LETTER_REPLAYED", "a dead letter was replayed", {
      id,
      dryRun,
      outcome,
      released,
      by: principal.id,
    });
    return done({ id, service, dryRun, outcome, detail, released });
  });

  app.handle(calls.replayDeadLetters, async (call) => {
    const { body, principal } = call;
    const { service: wanted, cause, key, ids: only, cursor: afterId, dryRun } = body;
    if (wanted !== undefined && wanted !== service)
      return done({ dryRun, outcomes: {}, nextCursor: null, unavailable: [] });
    const { outcomes, lastId } = await replay.many({
      ...{ cause, key, ids: only, afterId, dryRun },
      onTried: auditedBy(auditOrigin(call)),
    });
    logger.info("DEAD_LETTERS_REPLAYED", "dead letters were replayed", {
      cause,
      key,
      ids: only?.length,
      dryRun,
      outcomes,
      by: principal.id,
    });
    return done({ dryRun, outcomes, nextCursor: lastId?.replaceAll("-", "") ?? null, unavailable: [] });
  });
}

function shown(row: DeadLetterRow, service: calls.ParticipantName): calls.DeadLetter {
  const { id, cause, detail, type, messageId, topic, partition, recordOffset, key, payload, headers } = row;
  return {
    ...{ id, service, detail, type, messageId, topic, partition, key },
    offset: String(recordOffset),
    cause: calls.DeadLetterCause.parse(cause),
    payload: payload && shownPayload(payload),
    // Written from a record of the broker.
    headers: headers as Record<string, string>,
    failedAt: new Date(row.failedAt).toISOString(),
    replayedAt: row.replayedAt && new Date(row.replayedAt).toISOString(),
  };
}

function shownPayload(payload: Uint8Array): NonNullable<calls.DeadLetter["payload"]> {
  const bytes = payload.byteLength;
  const beginning = payload.subarray(0, SHOWN_BYTES);
  try {
    // A character that the cut went through is left out; one that is broken inside makes it binary.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(beginning, { stream: bytes > SHOWN_BYTES });
    return { encoding: "utf-8", text, bytes };
  } catch {
    return { encoding: "base64", text: Buffer.from(beginning).toString("base64"), bytes };
  }
}
