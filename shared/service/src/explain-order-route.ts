import { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import type { ParticipantName } from "@shop/contracts/services";
import { COUNTED_AT_MOST } from "@shop/contracts/http/health";
import { explainOrder as call, type OrderKnowledge, type OrderPart } from "@shop/contracts/http/why";
import type { ReadDatabase, Reader } from "@shop/database/reader";
import { done } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { Readiness } from "@shop/http/server/management";
import { listDeadLetters } from "@shop/messaging/dead-letters/dead-letter-list";
import type { Messaging } from "@shop/messaging/messaging";
import { type Clock, instant } from "@shop/runtime/clock";
import { explainOrder } from "./explain-order.ts";
import { withTimeout } from "./with-timeout.ts";

/** What a service keeps of an order in its own tables; empty when it keeps nothing. */
export type KnowsOrder = (read: ReadDatabase, orderId: string) => Promise<OrderKnowledge>;

/** Of a service that keeps nothing of orders. */
export const knowsNothing: KnowsOrder = async () => ({});

interface ExplainOrderOptions {
  readonly service: ParticipantName;
  readonly read: Reader["during"];
  readonly clock: Clock;
  readonly knows: KnowsOrder;
  readonly ready: () => Promise<Readiness>;
  readonly messaging: Pick<Messaging, "backlog" | "lag">;
}

/** As many open dead letters of an order are shown at most. */
const LETTERS = 100;
const OLDEST_FIRST = { oldestFirst: true };

/**
 * A participant's own part of the explanation of an order. One that keeps nothing of the order answers as well: that it runs, and how far behind
 * it is, is part of the explanation. While its database is unavailable it is a 503, which the gateway shows as a service that is down.
 */
export function explainOrderRoute(app: HttpApp, options: ExplainOrderOptions): void {
  const { service, read, clock, knows, ready, messaging } = options;
  app.handle(call, async ({ id, signal }) => {
    const db = read(signal);
    const [knowledge, deadLetters, { checks }, backlog, lag] = await Promise.all([
      knows(db, id),
      listDeadLetters(db, { key: id, cause: undefined, state: "OPEN", span: OLDEST_FIRST, limit: LETTERS }),
      ready(),
      withTimeout(messaging.backlog(COUNTED_AT_MOST), clock, () => undefined),
      withTimeout(messaging.lag(), clock, () => null),
    ]);
    const part: OrderPart = {
      ...knowledge,
      service,
      status: "ANSWERED",
      problems: Object.entries(checks).flatMap(([name, answer]) => (answer === "ok" ? [] : [`${name}: ${answer}`])),
      unsent: backlog?.unsent ?? 0,
      oldestUnsentSeconds: backlog?.oldestUnsentSeconds ?? 0,
      lag,
      deadLetters: deadLetters.map(({ id: letterId, cause, type, detail, failedAt }) => ({
        ...{ id: letterId, type, detail },
        cause: DeadLetterCause.parse(cause),
        failedAt: new Date(failedAt).toISOString(),
      })),
    };
    return done(explainOrder(id, [part], instant(clock)));
  });
}
