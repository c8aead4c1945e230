import type { AuditAction } from "@shop/contracts/http/audit";
import type { Delivery } from "@shop/contracts/http/delivery";
import type { AuditEntryAbout, AuditOrigin } from "@shop/database/audit-trail";
import type { Statements } from "@shop/database/connect";
import { isLockTimeout, isTransient } from "@shop/database/errors";
import { setLockWait } from "@shop/database/locks";
import { inOneStatement, inTransaction } from "@shop/database/transaction";
import type { MessageAbout } from "@shop/messaging/outbox/outbox";
import type { Outgoing } from "@shop/messaging/outbox/outgoing";
import { groupCommit, HeldUp } from "@shop/runtime/group-commit";
import { newAuditEntry } from "@shop/service/audit-routes";
import { recordStatement } from "@shop/runtime/tracing";
import type { ServiceContext } from "@shop/service/context";
import {
  changeDeliveryStates,
  type DeliveryRow,
  type DeliveryStateChange,
  deliveryStateOf,
  lockDelivery,
  readDeliveries,
  toDelivery,
} from "../db/deliveries.ts";
import type { DeliveryState, RiderDecision, RiderRefusal } from "../domain/delivery-lifecycle.ts";

export type DeliveryChangeContext = Pick<ServiceContext, "db" | "outbox" | "clock" | "ids" | "tracing">;

export type DeliveryChangeResult =
  | { readonly kind: "done"; readonly delivery: Delivery }
  | { readonly kind: "refused"; readonly code: "NOT_FOUND" | RiderRefusal };

/** What is common to all that people do with a delivery. */
export interface DeliveryChange<After extends DeliveryState> {
  readonly deliveryId: string;
  readonly decide: (delivery: DeliveryState, now: Date) => RiderDecision<After>;
  /** What others are told of the change. */
  readonly tell?: (about: { readonly orderId: string; readonly deliveryId: string }, after: After) => Outgoing;
  /** How the change is called in the audit trail, and who asks for it. Of a completed delivery the row itself keeps who and when, for good. */
  readonly audited?: { readonly action: AuditAction; readonly origin: AuditOrigin };
}

/** Decides what becomes of a delivery, and commits that together with what is told of it. */
export type ChangeDelivery = <After extends DeliveryState>(
  change: DeliveryChange<After>,
) => Promise<DeliveryChangeResult>;

/** As many calls as one statement takes, and how many statements are under way. */
const MAX_BATCH = 500;
const MAX_IN_FLIGHT = 2;
/** Far more than come in the time within which a caller is answered. */
const MAX_WAITING = 10_000;
/** The gateway gives up after 1.8 s: nothing is changed later for a caller who was told to try again. In milliseconds. */
const MAX_WAIT_MS = 1_000;
/** Deliveries that others have locked and calls wait for, at once: half of the pool's connections, so that messages and other calls have the rest. */
const MAX_ASIDE = 5;

/** What one call asks for, with what it decides about hidden behind one function. */
interface Call {
  readonly deliveryId: string;
  readonly decide: (row: DeliveryRow, now: Date) => CallDecision;
  readonly audited: DeliveryChange<DeliveryState>["audited"];
}

type CallDecision =
  | Exclude<RiderDecision, { kind: "changed" }>
  | { readonly kind: "changed"; readonly after: DeliveryRow; readonly message: Outgoing | undefined };

/**
 * Changes deliveries for riders. Calls that come while others are being committed share the next statement; a lone call goes out at once. Of
 * calls for the same delivery each is decided by what the one before it led to.
 *
 * A group reads its deliveries without locking them and decides; then one statement changes those that still stand as they were read.
 * A call whose delivery another session has locked, or changed meanwhile, leaves the group: it locks the delivery and decides again, by itself.
 */
export function changeDeliveries(context: DeliveryChangeContext): ChangeDelivery {
  const { db, outbox, clock } = context;
  const commit = groupCommit<Call, DeliveryChangeResult>({
    maxBatch: MAX_BATCH,
    maxInFlight: MAX_IN_FLIGHT,
    maxWaiting: MAX_WAITING,
    maxWaitMs: MAX_WAIT_MS,
    batchLockWaitMs: 0,
    maxAside: MAX_ASIDE,
    clock,
    isEveryonesFault: isTransient,
    isHeldUp: isLockTimeout,
    nameOf: ({ deliveryId }) => deliveryId,
    run: async (calls, lockWaitMs) => {
      const results =
        lockWaitMs === 0
          ? await inOneStatement(db, (statements) => carryOut(statements, context, calls))
          : await inTransaction(db, async (tx) => {
              await Promise.all([
                setLockWait(tx, lockWaitMs),
                ...calls.map(({ deliveryId }) => lockDelivery(tx, deliveryId)),
              ]);
              return carryOut(tx, context, calls);
            });
      outbox.wakeRelay();
      return results;
    },
  });
  return ({ deliveryId, decide, tell, audited }) =>
    commit({
      deliveryId,
      audited,
      decide(row, now) {
        const decision = decide(deliveryStateOf(row), now);
        if (decision.kind !== "changed") return decision;
        const after = { ...row, completedAt: null, failReason: null, ...decision.after, updatedAt: now };
        return { kind: "changed", after, message: tell?.({ orderId: row.orderId, deliveryId }, decision.after) };
      },
    });
}

/** What the audit trail, which cannot be changed, says of a delivery: nothing that people wrote. The reason of a failure is in the delivery's row. */
const shownState = ({ orderId, status, riderId }: DeliveryRow) => ({ orderId, status, riderId });

/** Only its last statement changes anything. @returns for each call what came of it, `HeldUp` for those whose delivery was not available */
async function carryOut(
  db: Statements,
  { outbox, clock, ids, tracing }: DeliveryChangeContext,
  calls: readonly Call[],
): Promise<readonly (DeliveryChangeResult | HeldUp)[]> {
  const rows = await readDeliveries(db, [...new Set(calls.map(({ deliveryId }) => deliveryId))]);
  const found = new Map(rows.map((row) => [row.id, row]));
  const now = new Date(clock.now());
  const changes = new Map<string, DeliveryStateChange>();
  const messages: MessageAbout[] = [];
  const entries: AuditEntryAbout[] = [];

  const results = calls.map(({ deliveryId, decide, audited }): DeliveryChangeResult => {
    const change = changes.get(deliveryId);
    const row = change?.after ?? found.get(deliveryId);
    if (row === undefined) return { kind: "refused", code: "NOT_FOUND" };
    const decision = decide(row, now);
    if (decision.kind === "refused") return decision;
    if (decision.kind === "unchanged") return { kind: "done", delivery: toDelivery(row) };
    const { after, message } = decision;
    changes.set(deliveryId, { before: change?.before ?? row, after });
    if (message) messages.push({ rowId: deliveryId, message });
    if (audited) {
      const subject = { type: "delivery", id: deliveryId };
      const act = { ...audited, subject, before: shownState(row), after: shownState(after) };
      entries.push({ rowId: deliveryId, entry: newAuditEntry({ clock, ids }, act) });
    }
    return { kind: "done", delivery: toDelivery(after) };
  });
  if (changes.size === 0) return results;

  const startedAt = tracing?.now() ?? 0;
  const changed = await changeDeliveryStates(
    db,
    [...changes.values()],
    (about) => outbox.insertAbout(messages, about),
    entries,
  );
  if (tracing !== undefined)
    recordStatement(tracing, {
      ...{ operation: "UPDATE", collection: "delivery", startedAt },
      causedBy: messages.map(({ message }) => message.causedBy),
    });
  return results.map((result, index) => {
    const { deliveryId } = calls[index] as Call;
    const isHeldUp = changes.has(deliveryId) && !changed.has(deliveryId);
    return isHeldUp ? new HeldUp("another session has locked the delivery, or has just changed it") : result;
  });
}
