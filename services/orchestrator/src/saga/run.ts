import { inTransaction } from "@shop/database/transaction";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/decode";
import { type MessageHandlers, Refused } from "@shop/messaging/handlers";
import type { Outgoing } from "@shop/messaging/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { advance, type SagaEvent } from "./advance.ts";
import { knownVersions, orderSagaMessageTypes, orderSagaOf } from "./registry.ts";
import { hasEnded, type HistoryEntry } from "./state.ts";
import { lockByOrder, lockDue, type OrderSagaState, type SagaToSave, save } from "./store.ts";

type RunContext = Pick<ServiceContext, "clock" | "ids" | "logger" | "metrics">;

/** The sagas of one transaction while events are applied to them. */
class SagasInHand {
  readonly #context: RunContext;
  readonly #now: number;
  readonly #states: Map<string, OrderSagaState>;
  readonly #readRevisions: ReadonlyMap<string, number>;
  readonly #history = new Map<string, HistoryEntry[]>();
  readonly #outgoing: Outgoing[] = [];

  constructor(context: RunContext, states: Map<string, OrderSagaState>) {
    this.#context = context;
    this.#now = context.clock.now();
    this.#states = states;
    this.#readRevisions = new Map([...states].map(([orderId, { revision }]) => [orderId, revision]));
  }

  apply(orderId: string, event: SagaEvent): void {
    const { ids, logger, metrics } = this.#context;
    const state = this.#states.get(orderId);
    const advanced = advance(orderSagaOf(state?.version), state, event, this.#now, { id: ids(), orderId });
    if (advanced === null) {
      if (event.kind === "message" && state === undefined) {
        metrics.count("saga_unknown_total", { type: event.type });
        logger.warn("a message about an order whose saga is not known; when the saga begins it asks again", {
          orderId,
          type: event.type,
        });
      }
      return;
    }
    this.#states.set(orderId, advanced.state);
    this.#history.set(orderId, [...(this.#history.get(orderId) ?? []), ...advanced.history]);
    const causedBy =
      (event.kind === "message" ? event.traceparent : undefined) ?? advanced.state.traceparent ?? undefined;
    for (const { definition, data } of advanced.send) this.#outgoing.push({ definition, key: orderId, data, causedBy });
    if (advanced.state.stuckSince !== null && state?.stuckSince === null) {
      logger.error("a saga is stuck: its participant has not answered within the deadline; it keeps asking", {
        orderId,
        step: advanced.state.step,
      });
    }
    if (hasEnded(advanced.state)) metrics.count("saga_ended_total", { status: advanced.state.status });
  }

  async save(tx: Transaction): Promise<readonly Outgoing[]> {
    const changed: SagaToSave[] = [];
    for (const [orderId, history] of this.#history) {
      const state = this.#states.get(orderId);
      if (state) changed.push({ state, readRevision: this.#readRevisions.get(orderId), history });
    }
    if (changed.length > 0) await save(tx, changed, this.#now);
    return this.#outgoing;
  }
}

/** Applies messages to the sagas of their orders: one read, one write, however many messages came together. */
export function sagaHandlers(context: RunContext): MessageHandlers {
  return {
    types: orderSagaMessageTypes,
    async handle(tx, messages) {
      const orderIds = [...new Set(messages.map(orderIdOf))];
      const sagas = new SagasInHand(context, await lockByOrder(tx, orderIds));
      for (const { key, type, data, traceparent } of messages)
        sagas.apply(key, { kind: "message", type, data, traceparent });
      return sagas.save(tx);
    },
  };
}

/**
 * The order that a message is about. PostgreSQL takes a UUID in any spelling, but a saga is found by the one in which it is stored.
 * @throws Refused when key and data name different orders, or not to the letter
 */
function orderIdOf({ key, data, type }: Received): string {
  const named = typeof data === "object" && data !== null && "orderId" in data ? data.orderId : undefined;
  if (named !== key || key !== key.toLowerCase())
    throw new Refused(`a ${type} with the key ${key} is about ${String(named)}`);
  return key;
}

const TIMER_INTERVAL_MS = 500;
const TIMER_BATCH = 200;

/**
 * Wakes the sagas whose time has come: asks again, or takes back what is past its deadline. Runs until `signal` is aborted;
 * any number of replicas may do so at once.
 */
export async function runSagaTimers(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { db, outbox, wakeRelay, clock, logger } = context;
  while (!signal.aborted) {
    try {
      const woken = await inTransaction(db, async (tx) => {
        const due = await lockDue(tx, knownVersions, clock.now(), TIMER_BATCH);
        const sagas = new SagasInHand(context, new Map(due.map((state) => [state.orderId, state])));
        for (const { orderId } of due) sagas.apply(orderId, { kind: "timer" });
        await outbox.send(tx, await sagas.save(tx));
        return due.length;
      });
      if (woken > 0) wakeRelay();
      if (woken === TIMER_BATCH) continue;
    } catch (error) {
      logger.warn("sagas that are due could not be woken; it is tried again", { error });
    }
    await clock.sleep(TIMER_INTERVAL_MS, signal);
  }
}
