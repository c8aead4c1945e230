import { isSampled } from "@shop/runtime/trace";
import type { Tracing } from "@shop/runtime/tracing";
import type { SagaEvent } from "./advance.ts";
import type { SagaState } from "./state.ts";

interface Advancing {
  readonly event: SagaEvent;
  /** What the saga is about, such as `{orderId: …}`. */
  readonly about: Readonly<Record<string, string>>;
  /** The saga as it is when it is asked; undefined while there is none. */
  readonly stateOf: () => SagaState<unknown, string> | undefined;
}

/**
 * Applies an event to a saga, and records that, if the event's trace is sampled. A rider comes hours or days later, with a trace of their own: the span
 * then links to the trace that began the saga.
 * @param apply gets the event with the `traceparent` of the span, from which the commands follow
 */
export function inAdvanceSpan(
  tracing: Tracing,
  { event, about, stateOf }: Advancing,
  apply: (event: SagaEvent) => void,
): void {
  const before = stateOf();
  const begunBy = before?.traceparent ?? undefined;
  const parent = event.kind === "timer" ? begunBy : event.traceparent;
  if (parent === undefined || !isSampled(parent)) {
    apply(event);
    return;
  }
  const traceparent = tracing.child(parent);
  const startedAt = tracing.now();
  let error: string | undefined;
  try {
    apply({ ...event, traceparent });
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.name : typeof thrown;
    throw thrown;
  } finally {
    const after = stateOf();
    tracing.record({
      name: "saga advance",
      kind: "INTERNAL",
      traceparent,
      parent,
      startedAt,
      attributes: {
        ...Object.fromEntries(Object.entries(about).map(([field, id]) => [`shop.${field.replace(/Id$/, ".id")}`, id])),
        "shop.saga.event": event.kind === "message" ? event.type : event.kind,
        ...(after !== undefined && {
          "shop.saga.id": after.id,
          "shop.saga.step": after.step,
          "shop.saga.status": after.status,
        }),
        ...(before !== undefined && { "shop.saga.step.before": before.step }),
      },
      // Of the same trace it has to do with it all the same.
      links: begunBy?.slice(0, 35) === parent.slice(0, 35) ? [] : [begunBy],
      error,
    });
  }
}
