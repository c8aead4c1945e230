import type { Mistake } from "./bugs.ts";

/**
 * Subtle mistakes, most of them a lost condition or a wrong operator, for which no faults and no clients are chosen: `survey.ts` plays ordinary seeds
 * until a rule is broken, and says how many that took.
 */
export const MISTAKES: readonly Mistake[] = [
  {
    name: "inbox: of a message that stands twice in a batch the last is kept",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "fresh: messages.filter(({ id }) => freshIds.delete(id)),",
    replaced: "fresh: messages.toReversed().filter(({ id }) => freshIds.delete(id)).toReversed(),",
  },
  {
    name: "inbox: of a batch that fails one message is left out",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "await applyAll(messages.slice(middle), deferral, signal);",
    replaced: "await applyAll(messages.slice(middle + 1), deferral, signal);",
  },
  {
    name: "inbox: what a transient error keeps back is given up after the first try",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "if (isStatementTimeout(error) || !isTransient(error)) failures += 1;",
    replaced: "failures += 1; if (failures >= ATTEMPTS && messages.length === 1) return;",
  },
  {
    name: "inbox: messages of a key that is held are handled all the same",
    file: "shared/messaging/src/inbox/inbox.ts",
    found: "where key in (select key from dead_letter where blocks_key and replayed_at is null)",
    replaced: "where false and key in (select key from dead_letter where blocks_key and replayed_at is null)",
  },
  {
    name: "replay: a parked message that fails again is not tried again by itself",
    file: "shared/messaging/src/dead-letters/replay.ts",
    found: "failedAt: instant(clock), retryAt }",
    replaced: "failedAt: instant(clock), retryAt: null }",
  },
  {
    name: "replay: goes on behind a message that fails",
    file: "shared/messaging/src/dead-letters/replay.ts",
    found: 'if (one.outcome === "FAILED" || one.outcome === "UNREADABLE") break;',
    replaced: 'if (one.outcome === "UNREADABLE") break;',
  },
  {
    name: "dead letters: nobody looks whether the key was released meanwhile",
    file: "shared/messaging/src/dead-letters/dead-letters.ts",
    found: "if ((await stillBlocked(tx, keys)).length < keys.length) throw",
    replaced: "if ((await stillBlocked(tx, keys)).length < 0) throw",
  },
  {
    name: "blocked keys: the longest pause is taken for the shortest",
    file: "shared/messaging/src/dead-letters/blocked-keys.ts",
    found: "return now + Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, now - failedAt));",
    replaced: "return now + Math.max(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, now - failedAt));",
  },
  {
    name: "relay: rows read before a loss was found overtake those that are sent again",
    file: "shared/messaging/src/outbox/relay.ts",
    found: "        read.filter(({ topic }) => !held.includes(topic as Topic)),\n",
    replaced: "        (void held, read),\n",
  },
  {
    name: "relay: a batch that the broker refused is marked as sent",
    file: "shared/messaging/src/outbox/relay.ts",
    found: "        } else if (stopping.signal.aborted) return;",
    replaced:
      "        } else { published = { ids: rows.map(({ id }) => id), ends: [] }; if (stopping.signal.aborted) return; }",
  },
  {
    name: "broker loss: sending again skips a row after each batch",
    file: "shared/messaging/src/outbox/broker-loss-recovery.ts",
    found: "const nextId = String(BigInt(lastId) + 1n);",
    replaced: "const nextId = String(BigInt(lastId) + 2n);",
  },
  {
    name: "work queue: a commit is one too far",
    file: "shared/messaging/src/kafka/consumer/work-queue.ts",
    found: "const [name, next] = [nameOf(record), BigInt(record.offset) + 1n];",
    replaced: "const [name, next] = [nameOf(record), BigInt(record.offset) + 2n];",
  },
  {
    name: "work queue: a batch that failed is not put back",
    file: "shared/messaging/src/kafka/consumer/work-queue.ts",
    found: "waiting = [...all, ...waiting];",
    replaced: "noteEnds(all);",
  },
  {
    name: "work queue: later records of a deferred key are handled before it",
    file: "shared/messaging/src/kafka/consumer/work-queue.ts",
    found: "const behind = all.filter(({ key }) => deferred.holds(key));",
    replaced: "const behind = all.filter(() => false);",
    also: [["all.filter(({ key }) => !deferred.holds(key));", "all;"]],
  },
  {
    name: "handlers: a key's messages lose their order over the groups of a batch",
    file: "shared/messaging/src/inbox/handlers.ts",
    found: "const earliest = nextGroupOfKey.get(message.key) ?? 0;",
    replaced: "const earliest = 0;",
  },
  {
    name: "outbox: the messages of a call are written in the opposite order",
    file: "shared/messaging/src/outbox/outbox.ts",
    found: "const rows = messages.map((message) => toOutboxRow(message, ids, clock, tracing));",
    replaced: "const rows = messages.map((message) => toOutboxRow(message, ids, clock, tracing)).toReversed();",
  },
  {
    name: "saga: what the pivot waits for is not compensated",
    file: "services/orchestrator/src/saga/advance.ts",
    found: "const position = Math.min(index, this.definition.compensatable.length) - 1;",
    replaced: "const position = index - 1;",
  },
  {
    name: "saga: a delivery that was completed first is cancelled all the same",
    file: "services/orchestrator/src/saga/advance.ts",
    found: 'if (reply.decide(event.data).kind === "tooLate") change',
    replaced: 'if (reply.decide(event.data).kind === "never") change',
  },
  {
    name: "saga: a cancel is taken behind the pivot",
    file: "services/orchestrator/src/saga/advance.ts",
    found: "  if (change.canCompensate()) change.compensate(reason);",
    replaced: '  if (change.state.status === "RUNNING") change.compensate(reason);',
  },
  {
    name: "saga: the timer is not armed again",
    file: "services/orchestrator/src/saga/advance.ts",
    found: "nextAttemptAt: this.now + backoffMs(step.retryPolicy, attempts),",
    replaced: "nextAttemptAt: null,",
  },
  {
    name: "saga: a cancel that comes before its order begins it as usual",
    file: "services/orchestrator/src/saga/advance.ts",
    found:
      "if (isCancel) change.compensateBefore(0, definition.cancels.reason(event.data));\n  else change.enterForward(0);",
    replaced: "change.enterForward(0);",
  },
  {
    name: "saga: the command of a step that comes late is not sent on entering",
    file: "services/orchestrator/src/saga/advance.ts",
    found: "    if (sends) this.#ask(step.send);\n",
    replaced: "    if (sends && this.now % 7 !== 0) this.#ask(step.send);\n",
  },
  {
    name: "product: stock is taken again for an order that has it",
    file: "services/product/src/use-cases/take-stock.ts",
    found: "wanted.filter(({ orderId }) => reservations.get(orderId)?.isNew);",
    replaced: 'wanted.filter(({ orderId }) => reservations.get(orderId)?.status === "TAKEN");',
  },
  {
    name: "product: what one order of a batch takes is not missing for the next",
    file: "services/product/src/domain/stock.ts",
    found: "left.set(productId, (left.get(productId) ?? 0) - quantity);",
    replaced: "left.set(productId, left.get(productId) ?? quantity);",
  },
  {
    name: "product: of several orders of a batch the last one's quantity is taken",
    file: "services/product/src/domain/stock.ts",
    found: "totals.set(id, (totals.get(id) ?? 0) + quantity);",
    replaced: "totals.set(id, quantity);",
  },
  {
    name: "product: one more than there is can be had",
    file: "services/product/src/domain/stock.ts",
    found: "(left.get(productId) ?? 0) < quantity);",
    replaced: "(left.get(productId) ?? 0) < quantity - 1);",
  },
  {
    name: "product: what is left is refused",
    file: "services/product/src/domain/stock.ts",
    found: "const fallsShort = items.some(({ productId, quantity }) => (left.get(productId) ?? 0) < quantity);",
    replaced: "const fallsShort = items.some(({ productId, quantity }) => (left.get(productId) ?? 0) <= quantity);",
  },
  {
    name: "order: a twin with the same key is placed as well",
    file: "services/order/src/use-cases/place-order.ts",
    found: "const isOurs = (orderId: string) => !orderOfKey.has(orderId) || winners.has(orderId);",
    replaced: "const isOurs = (_orderId: string) => true;",
  },
  {
    name: "order: a key stands for any body",
    file: "services/order/src/use-cases/place-order.ts",
    found: "return bodyHash === hashOf(request)",
    replaced: "return bodyHash.length === hashOf(request).length",
  },
  {
    name: "order: the quantity does not count in the total",
    file: "services/order/src/domain/pricing.ts",
    found: "sum + unitPrice * quantity, 0);",
    replaced: "sum + unitPrice * Math.min(quantity, 2), 0);",
  },
  {
    name: "order: an older state of a product replaces a newer one",
    file: "services/order/src/db/catalogue.ts",
    found: "    where catalogue.version < excluded.version`);",
    replaced: "    where true`);",
  },
  {
    name: "order: anybody's order is shown to anybody",
    file: "services/order/src/db/orders.ts",
    found: ".where(and(eq(orders.id, id), customerId === undefined ? undefined : eq(orders.customerId, customerId)));",
    replaced: ".where(eq(orders.id, id));",
  },
  {
    name: "order: a stranger may cancel",
    file: "services/order/src/use-cases/cancel-order.ts",
    found: "if (row === undefined || (customerId !== undefined && row.customerId !== customerId))",
    replaced: "if (row === undefined)",
  },
  {
    name: "order: progress is updated on orders that have ended",
    file: "services/order/src/use-cases/update-progress.ts",
    found: " and status = 'PENDING'\n",
    replaced: "\n",
  },
  {
    name: "delivery: any rider completes what another has claimed",
    file: "services/delivery/src/domain/delivery-lifecycle.ts",
    found:
      '      if (delivery.riderId !== null && delivery.riderId !== riderId) return refused("DELIVERY_TAKEN");\n      return { kind: "changed", after: { status: "COMPLETE"',
    replaced: '      return { kind: "changed", after: { status: "COMPLETE"',
  },
  {
    name: "delivery: a second rider claims what the first has",
    file: "services/delivery/src/domain/delivery-lifecycle.ts",
    found: '  if (delivery.riderId !== null) return refused("DELIVERY_TAKEN");\n',
    replaced: "",
  },
  {
    name: "delivery: nobody is told that it failed",
    file: "services/delivery/src/use-cases/fail-delivery.ts",
    found: "    tell: (about) => outgoing(DeliveryFailed, about.orderId, { ...about, reason }, traceparent),\n",
    replaced: "",
  },
];
