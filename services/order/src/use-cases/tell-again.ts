import { OrderCancelRequested, OrderCreated } from "@shop/contracts/messages/order";
import { inTransaction } from "@shop/database/transaction";
import type { Transaction } from "@shop/database/connect";
import { outgoing } from "@shop/messaging/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { sql } from "drizzle-orm";
import { lockUnheard, type OrderRow, setTellAgainAt, toSnapshot } from "../db/orders.ts";
import { nextTellingMs, TELL_AGAIN_MS } from "../domain/telling.ts";

const INTERVAL_MS = 5_000;
const BATCH = 500;
/** As many orders are named in the log line of a batch. */
const NAMED = 20;
/** Messages that wait in the outbox for longer than this, in milliseconds, say that the broker is away: what is told once more would only wait behind them. */
const BEHIND_MS = 10_000;

/**
 * Tells the saga once more of orders, and of requests to cancel them, of which it shows no sign that it has heard: the broker may have lost the
 * message after it had acknowledged it. A saga that knows already is not changed by it. Runs until `signal` is aborted; replicas may do so at once.
 */
export async function tellAgain(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { clock, logger, metrics } = context;
  metrics.counter(toldAgainTotal);
  let behindAt: number | undefined;
  while (!signal.aborted) {
    try {
      const result = await tellUnheard(context, behindAt !== undefined && clock.elapsed() - behindAt < TELL_AGAIN_MS);
      if (result === "behind") behindAt = clock.elapsed();
      else if (result === BATCH) continue;
    } catch (error) {
      logger.warn("orders that the saga has not heard of could not be told again; it is tried again", { error });
    }
    await clock.sleep(INTERVAL_MS, signal);
  }
}

const toldAgainTotal = {
  name: "orders_told_again_total",
  help: "Orders whose message was sent to the saga once more, since it shows no sign of it",
};

/** @returns how many it told, or that the outbox is behind */
async function tellUnheard(context: ServiceContext, wasBehind: boolean): Promise<number | "behind"> {
  const { db, outbox, wakeRelay, clock, logger, metrics } = context;
  const now = clock.now();
  const told = await inTransaction(db, async (tx) => {
    if (await isBehind(tx)) return "behind";
    if (wasBehind) return 0;
    const unheard = await lockUnheard(tx, new Date(now), BATCH);
    if (unheard.length === 0) return 0;
    const next = unheard.map(({ id, updatedAt }) => ({
      id,
      tellAgainAt: new Date(now + nextTellingMs(now - updatedAt.getTime())),
    }));
    await setTellAgainAt(tx, next);
    await outbox.send(tx, unheard.map(messageOf));
    return unheard;
  });
  if (told === "behind") return told;
  if (told === 0) return 0;
  wakeRelay();
  metrics.counter(toldAgainTotal).inc({}, told.length);
  logger.info(
    "orders made no progress: the saga is told of them again, in case the message was lost; the orchestrator's log names the service that owes it an answer",
    {
      orders: told.length,
      orderIds: told.slice(0, NAMED).map(({ id }) => id),
      remedy: `bun run shop why ${told[0]?.id}`,
    },
  );
  return told.length;
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
