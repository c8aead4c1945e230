import { inTransaction } from "@shop/database/transaction";
import type { Received } from "@shop/messaging/inbox/decode";
import { keysOf, type MessageHandlers, MessageRefused } from "@shop/messaging/inbox/handlers";
import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import type { SagaDefinition } from "./definition.ts";
import { sagaMetricsOf } from "./metrics.ts";
import { type RunContext, SagaBatch } from "./saga-batch.ts";
import { lockByKey, lockDue, lockFreeSagas } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

/** Applies messages to the sagas that they are about: one read, one write, however many messages came together. */
export function sagaHandlers<Data, Reason extends string>(
  context: RunContext,
  versions: SagaVersions<Data, Reason>,
): MessageHandlers {
  sagaMetricsOf(context.metrics, versions);
  return {
    types: versions.messageTypes,
    async handle(tx, messages) {
      const keys = [...new Set(messages.map((message) => keyOf(message, versions.newest)))];
      const sagas = new SagaBatch(context, versions, await lockByKey<Data, Reason>(tx, keys));
      for (const { key, type, data, traceparent } of messages)
        sagas.apply(key, { kind: "message", type, data, traceparent });
      return sagas.save(tx);
    },
    lockedKeys: (tx, messages) => lockFreeSagas(tx, keysOf(messages)),
  };
}

/**
 * What a message is about. PostgreSQL takes a UUID in any spelling, but a saga is found by the one in which it is stored.
 * @throws MessageRefused when key and data name different ones, or not in exactly the same spelling
 */
function keyOf(
  { key, data, type }: Received,
  { name, keyField }: Pick<SagaDefinition<never, never>, "name" | "keyField">,
): string {
  const named =
    typeof data === "object" && data !== null ? (data as Readonly<Record<string, unknown>>)[keyField] : undefined;
  if (named !== key || key !== key.toLowerCase())
    throw new MessageRefused(
      `a ${type} is about another ${name} than its key, or its key is not written in small letters`,
    );
  return key;
}

const TIMER_INTERVAL_MS = 500;
const TIMER_BATCH = 200;

/** Wakes the sagas whose time has come, at most a batch of them. @returns how many there were */
async function wakeDue<Data, Reason extends string>(
  context: ServiceContext,
  versions: SagaVersions<Data, Reason>,
): Promise<number> {
  const { db, outbox, clock } = context;
  return inTransaction(db, async (tx) => {
    const due = await lockDue<Data, Reason>(tx, versions.known, clock.now(), TIMER_BATCH);
    const sagas = new SagaBatch(context, versions, new Map(due.map((state) => [state.key, state])));
    for (const { key } of due) sagas.apply(key, { kind: "timer" });
    await outbox.send(tx, await sagas.save(tx));
    return due.length;
  });
}

/**
 * Wakes the sagas whose time has come: retries, or compensates past the deadline. Runs until `signal` is aborted;
 * any number of replicas may do so at once.
 */
export async function runSagaTimers<Data, Reason extends string>(
  context: ServiceContext,
  signal: AbortSignal,
  versions: SagaVersions<Data, Reason>,
): Promise<void> {
  const { clock, logger } = context;
  await every(
    TIMER_INTERVAL_MS,
    { clock, signal },
    async () => ((await wakeDue(context, versions)) === TIMER_BATCH ? 0 : undefined),
    (error) => logger.warn("SAGA_TIMERS_FAILED", "due sagas could not be processed; retrying", { error }),
  );
}
