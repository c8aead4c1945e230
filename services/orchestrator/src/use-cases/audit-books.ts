import {
  AUDIT_ROUND,
  AUDIT_ROUND_ITEMS,
  ReportDeliveriesCommand,
  ReportOrdersCommand,
  ReportReservationsCommand,
} from "@shop/contracts/messages/audit";
import type { Transaction } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import { auditedTotal } from "./record-audit-report.ts";
import { beginRound, claimAudit, countFindings, finishedAt, suspects, walk } from "../db/audits.ts";

/** The pause between two rounds, in milliseconds: with 500 orders in each, eight million orders a day are audited. */
const PAUSE_MS = 5_000;
/** The pause between the end of a walk over all sagas and the next walk, in milliseconds. */
const WALK_PAUSE_MS = 60_000;
/** Younger changes may still be on their way to the other services, in milliseconds. */
const REST_MS = 10_000;
/** A round that has not been answered for this long, in milliseconds, is given up: a service or Kafka is unavailable. */
const ROUND_TIMEOUT_MS = 60_000;
/** As many orders that were found before as a round asks about again. With fifty items each they take half of a round's. */
const SUSPECTS = 50;

/**
 * Audits the books for as long as the process runs: asks the other services, round after round, how they see orders whose sagas have come to
 * rest. `recordAuditReport` compares their reports. Of all replicas one at a time begins a round; nothing but the audit's own row is locked.
 */
export async function auditBooks(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { db, outbox, clock, logger, metrics } = context;
  metrics.counter(auditedTotal);
  let drifting = 0;
  metrics.gauge({ name: "books_drift_orders", help: "Orders on which the services do not agree" }, () => drifting);
  let finished: Awaited<ReturnType<typeof finishedAt>> = { round: null, walk: null };
  const seconds = (at: Date | null) => (at?.getTime() ?? 0) / 1_000;
  metrics.gauge(
    {
      name: "books_audit_last_finished_timestamp_seconds",
      help: "When the audit of the books last finished a walk over all sagas; 0 before the first",
    },
    () => seconds(finished.walk),
  );
  metrics.gauge(
    {
      name: "books_audit_round_last_finished_timestamp_seconds",
      help: "When all services last answered a round of the audit of the books; 0 before the first",
    },
    () => seconds(finished.round),
  );
  let walkAgainAt = 0;
  await every(
    PAUSE_MS,
    { clock, signal },
    async () => {
      const now = clock.now();
      const round = await inTransaction(db, async (tx) => {
        const begun = await beginNext(tx, context, now, now >= walkAgainAt);
        await outbox.send(tx, begun.questions);
        return begun;
      });
      if (round.endsWalk) walkAgainAt = now + WALK_PAUSE_MS;
      drifting = await countFindings(db);
      finished = await finishedAt(db);
    },
    (error) => logger.warn("AUDIT_ORDERS_FAILED", "orders could not be audited; retrying", { error }),
  );
}

interface Begun {
  readonly questions: readonly Outgoing[];
  readonly endsWalk: boolean;
}

/** Begins the next round unless one is under way; without `walks` only about orders that were found before. */
async function beginNext(
  tx: Transaction,
  { ids }: Pick<ServiceContext, "ids">,
  now: number,
  walks: boolean,
): Promise<Begun> {
  const audit = await claimAudit(tx);
  const isUnderWay = audit?.askedAt && now - audit.askedAt.getTime() < ROUND_TIMEOUT_MS;
  if (audit === undefined || isUnderWay) return { questions: [], endsWalk: false };

  const again = await suspects(tx, SUSPECTS);
  const step = {
    beforeSagaId: audit.beforeSagaId,
    maxSagas: AUDIT_ROUND - SUSPECTS,
    maxItems: AUDIT_ROUND_ITEMS / 2,
    restSince: new Date(now - REST_MS),
  };
  const page = walks ? await walk(tx, step) : { sagas: [], beforeSagaId: audit.beforeSagaId };
  const known = new Set(again.map(({ orderId }) => orderId));
  const asked = [...again, ...page.sagas.filter(({ orderId }) => !known.has(orderId))];
  const auditId = asked.length === 0 ? null : ids();
  const askedAt = auditId === null ? null : new Date(now);
  const endsWalk = walks && page.beforeSagaId === null;
  const round = { auditId, asked, beforeSagaId: page.beforeSagaId, askedAt };
  await beginRound(tx, {
    ...round,
    // There was nobody to ask about.
    ...(auditId === null && { roundFinishedAt: new Date(now) }),
    ...(endsWalk && { walkFinishedAt: new Date(now) }),
  });
  if (auditId === null) return { questions: [], endsWalk };
  const question = { auditId, orderIds: asked.map(({ orderId }) => orderId) };
  const questions = [ReportOrdersCommand, ReportReservationsCommand, ReportDeliveriesCommand].map((definition) =>
    outgoing(definition, auditId, question, undefined),
  );
  return { questions, endsWalk };
}
