import { inTransaction } from "@shop/database/transaction";
import type { Received } from "@shop/messaging/inbox/decode";
import { keysOf, type MessageHandlers, MessageRefused } from "@shop/messaging/inbox/handlers";
import type { ServiceContext } from "@shop/service/context";
import { sagaMetricsOf } from "./metrics.ts";
import { type RunContext, SagaBatch } from "./saga-batch.ts";
import { orderSagaVersions } from "./registry.ts";
import { lockByOrder, lockDue, lockFreeSagas } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

/** Applies messages to the sagas of their orders: one read, one write, however many messages came together. */
export function sagaHandlers(context: RunContext, versions: SagaVersions = orderSagaVersions): MessageHandlers {
  sagaMetricsOf(context.metrics);
  return {
    types: versions.messageTypes,
    async handle(tx, messages) {
      const orderIds = [...new Set(messages.map(orderIdOf))];
      const sagas = new SagaBatch(context, versions, await lockByOrder(tx, orderIds));
      for (const { key, type, data, traceparent } of messages)
        sagas.apply(key, { kind: "message", type, data, traceparent });
      return sagas.save(tx);
    },
    lockedKeys: (tx, messages) => lockFreeSagas(tx, keysOf(messages)),
  };
}

/**
 * The order that a message is about. PostgreSQL takes a UUID in any spelling, but a saga is found by the one in which it is stored.
 * @throws MessageRefused when key and data name different orders, or not in exactly the same spelling
 */
function orderIdOf({ key, data, type }: Received): string {
  const named = typeof data === "object" && data !== null && "orderId" in data ? data.orderId : undefined;
  if (named !== key || key !== key.toLowerCase())
    throw new MessageRefused(
      `a ${type} is about another order than its key, or its key is not written in small letters`,
    );
  return key;
}

const TIMER_INTERVAL_MS = 500;
const TIMER_BATCH = 200;

/** Wakes the sagas whose time has come, at most a batch of them. @returns how many there were */
async function wakeDue(context: ServiceContext, versions: SagaVersions): Promise<number> {
  const { db, outbox, wakeRelay, clock } = context;
  const woken = await inTransaction(db, async (tx) => {
    const due = await lockDue(tx, versions.known, clock.now(), TIMER_BATCH);
    const sagas = new SagaBatch(context, versions, new Map(due.map((state) => [state.orderId, state])));
    for (const { orderId } of due) sagas.apply(orderId, { kind: "timer" });
    await outbox.send(tx, await sagas.save(tx));
    return due.length;
  });
  if (woken > 0) wakeRelay();
  return woken;
}

/**
 * Wakes the sagas whose time has come: retries, or compensates past the deadline. Runs until `signal` is aborted;
 * any number of replicas may do so at once.
 */
export async function runSagaTimers(
  context: ServiceContext,
  signal: AbortSignal,
  versions: SagaVersions = orderSagaVersions,
): Promise<void> {
  const { clock, logger } = context;
  while (!signal.aborted) {
    try {
      if ((await wakeDue(context, versions)) === TIMER_BATCH) continue;
    } catch (error) {
      logger.warn("SAGA_TIMERS_FAILED", "due sagas could not be processed; retrying", { error });
    }
    await clock.sleep(TIMER_INTERVAL_MS, signal);
  }
}
