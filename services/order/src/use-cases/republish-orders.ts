import { OrderCancelRequested, OrderCreated } from "@shop/contracts/messages/order";
import { inTransaction } from "@shop/database/transaction";
import type { Transaction } from "@shop/database/connect";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import { sql } from "drizzle-orm";
import { lockOrdersToRepublish, type OrderRow, setRepublishAt, toSnapshot } from "../db/orders.ts";
import { nextRepublishMs, REPUBLISH_AFTER_MS } from "../domain/republishing.ts";

const INTERVAL_MS = 5_000;
const BATCH = 500;
/** As many orders are named in the log line of a batch. */
const NAMED = 20;
/** Messages that wait in the outbox for longer than this, in milliseconds, say that the broker is unavailable: what is republished once more would only wait behind them. */
const BEHIND_MS = 10_000;

/**
 * Republishes orders, and requests to cancel them, on which the saga has shown no progress: the broker may have lost the
 * message after acknowledging it. The saga ignores duplicates. Runs until `signal` is aborted; replicas may do so at once.
 */
export async function republishOrders(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { clock, logger, metrics } = context;
  metrics.counter(toldAgainTotal);
  let behindAt: number | undefined;
  await every(
    INTERVAL_MS,
    { clock, signal },
    async () => {
      const wasBehind = behindAt !== undefined && clock.elapsed() - behindAt < REPUBLISH_AFTER_MS;
      const result = await republishDue(context, wasBehind);
      if (result === "behind") behindAt = clock.elapsed();
      return result === BATCH ? 0 : undefined;
    },
    (error) =>
      logger.warn("ORDER_REPUBLISH_FAILED", "orders without progress could not be republished; retrying", { error }),
  );
}

const toldAgainTotal = {
  name: "orders_republished_total",
  help: "Orders whose message was sent to the saga once more, since it shows no sign of it",
};

/** @returns how many it republished, or that the outbox is behind */
async function republishDue(context: ServiceContext, wasBehind: boolean): Promise<number | "behind"> {
  const { db, outbox, clock, logger, metrics } = context;
  const now = clock.now();
  const republished = await inTransaction(db, async (tx) => {
    if (await isBehind(tx)) return "behind";
    if (wasBehind) return 0;
    const due = await lockOrdersToRepublish(tx, new Date(now), BATCH);
    if (due.length === 0) return 0;
    const next = due.map(({ id, updatedAt }) => ({
      id,
      republishAt: new Date(now + nextRepublishMs(now - updatedAt.getTime())),
    }));
    await setRepublishAt(tx, next);
    await outbox.send(tx, due.map(messageOf));
    return due;
  });
  if (republished === "behind") return republished;
  if (republished === 0) return 0;
  metrics.counter(toldAgainTotal).inc({}, republished.length);
  logger.info(
    "ORDER_REPUBLISHED",
    "orders without progress were republished, in case a message was lost; the orchestrator's log names the service that has not replied",
    {
      orders: republished.length,
      orderIds: republished.slice(0, NAMED).map(({ id }) => id),
      remedy: `bun run shop why ${republished[0]?.id}`,
    },
  );
  return republished.length;
}

async function isBehind(tx: Transaction): Promise<boolean> {
  const [row] = await tx.execute<{ behind: boolean }>(sql`
    select created_at < now() - ${BEHIND_MS}::int * interval '1 millisecond' as behind
    from outbox where sent_at is null order by id limit 1`);
  return row?.behind ?? false;
}

function messageOf(row: OrderRow) {
  const snapshot = toSnapshot(row);
  const reason = row.cancelRequestReason;
  return reason === null
    ? outgoing(OrderCreated, row.id, snapshot, undefined)
    : outgoing(OrderCancelRequested, row.id, { ...snapshot, reason }, undefined);
}
