import { backoffMs } from "@shop/runtime/backoff";
import { timeOfUuidV7 } from "@shop/runtime/ids";
import type { Metrics } from "@shop/runtime/metrics";
import type { SagaEvent } from "./advance.ts";
import type { RetryPolicy, SagaDefinition } from "./definition.ts";
import { hasEnded, type SagaState } from "./state.ts";
import { type SagaVersions, stepsOf } from "./versions.ts";

/** Upper bounds in seconds: participants answer within milliseconds, riders within a day. */
const STEP_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1_800, 3_600, 10_800, 43_200, 86_400];

type ObserveSeconds = (seconds: number, traceId?: string) => void;

export type SagaMetrics = ReturnType<typeof createSagaMetrics>;

const made = new WeakMap<Metrics, SagaMetrics>();

/** What a process shows of its sagas, the same for all that it does with them. */
export function sagaMetricsOf(metrics: Metrics, versions: Labels): SagaMetrics {
  const own = made.get(metrics) ?? createSagaMetrics(metrics, versions);
  made.set(metrics, own);
  return own;
}

/** What labels the metrics of sagas can have. */
type Labels = Pick<SagaVersions<never, never>, "steps" | "reasons" | "messageTypes">;

/** Nothing is stored or read for it: times follow from ids and from when a step's command is due. */
function createSagaMetrics(metrics: Metrics, { steps, reasons, messageTypes }: Labels) {
  const STEP = { step: [...steps] };
  const begun = metrics.counter({ name: "saga_begun_total", help: "Sagas that began" }).child({});
  const ended = metrics.counter({
    name: "saga_ended_total",
    help: "Sagas that ended, by COMPLETE or by why the order was cancelled",
    labels: { outcome: ["COMPLETE", ...reasons] },
  });
  const retries = metrics.counter({
    name: "saga_retries_total",
    help: "Commands that were sent again since no answer came in time",
    labels: STEP,
  });
  const stuck = metrics.counter({
    name: "saga_stuck_total",
    help: "Sagas that became stuck: no answer until the deadline, or an event that cannot be applied",
    labels: STEP,
  });
  const ofOtherRelease = metrics.counter({
    name: "saga_of_other_release_total",
    help: "Messages for sagas of a version that this release does not know",
  });
  const unknown = metrics.counter({
    name: "saga_unknown_total",
    help: "Messages about orders whose saga is not known",
    labels: { type: [...messageTypes] },
  });
  const stepSeconds = metrics.histogram(
    { name: "saga_step_duration_seconds", help: "Time that a saga was in a step until it went on", labels: STEP },
    STEP_SECONDS,
    { hasExemplars: true },
  );
  const observeStep = new Map(STEP.step.map((step): [string, ObserveSeconds] => [step, stepSeconds.child({ step })]));
  const toDelivery = metrics
    .histogram(
      { name: "saga_order_to_delivery_seconds", help: "Time from an order's placing until it waits for its rider" },
      STEP_SECONDS,
    )
    .child({});
  const toEnd = metrics.histogram(
    {
      name: "saga_order_to_end_seconds",
      help: "Time from an order's placing to its end",
      labels: { status: ["COMPLETE", "CANCELLED"] },
    },
    STEP_SECONDS,
  );

  return {
    stuck: (step: string): void => stuck.inc({ step }),
    ofOtherRelease: (): void => ofOtherRelease.inc({}),
    unknown: (type: string): void => unknown.inc({ type }),
    /** An event changed a saga, or began it. @param traceId of the event, if that is sampled */
    advanced<Data, Reason extends string>(
      definition: SagaDefinition<Data, Reason>,
      before: SagaState<Data, Reason> | undefined,
      after: SagaState<Data, Reason>,
      kind: SagaEvent["kind"],
      now: number,
      traceId?: string,
    ): void {
      const placedAt = timeOfUuidV7(after.key);
      const sincePlaced = placedAt === undefined ? undefined : secondsBetween(placedAt, now);
      if (before === undefined) begun();
      else if (before.step !== after.step || hasEnded(after)) {
        const since = enteredAt(definition, before);
        const observe = observeStep.get(before.step) ?? stepSeconds.child({ step: before.step });
        if (since !== undefined) observe(secondsBetween(since, now), traceId);
      } else if (kind === "timer") retries.inc({ step: after.step });
      if (after.stuckSince !== null && before?.stuckSince === null) stuck.inc({ step: after.step });
      const arrives = after.step === definition.pivot.name && before?.step !== after.step;
      if (arrives && sincePlaced !== undefined) toDelivery(sincePlaced);
      if (!hasEnded(after)) return;
      ended.inc({ outcome: after.status === "COMPLETE" ? "COMPLETE" : (after.reason ?? "other") });
      if (sincePlaced !== undefined) toEnd.observe({ status: after.status }, sincePlaced);
    },
  };
}

/** The clocks of two machines may differ. */
const secondsBetween = (from: number, to: number) => Math.max(0, (to - from) / 1_000);

/** As many waits are added up one by one; the others are the longest one each. */
const WAITS = 32;

/** When a saga came to its step, in milliseconds since the epoch, by when its step's command is due: to the moment for a step with a deadline, else to the delay of its timers. */
export function enteredAt<Data, Reason extends string>(
  definition: SagaDefinition<Data, Reason>,
  state: SagaState<Data, Reason>,
): number | undefined {
  const { step, deadline, nextAttemptAt, attempts } = state;
  const policy = retryPolicyOf(definition, step);
  if (policy === undefined) return undefined;
  if (deadline !== null && policy.deadlineMs !== null) return deadline - policy.deadlineMs;
  if (nextAttemptAt === null) return undefined;
  let waited = step === definition.pivot.name ? policy.firstMs : 0;
  for (let attempt = 1; attempt <= Math.min(attempts, WAITS); attempt += 1) waited += backoffMs(policy, attempt);
  return nextAttemptAt - waited - Math.max(0, attempts - WAITS) * policy.maxMs;
}

function retryPolicyOf<Data, Reason extends string>(
  definition: SagaDefinition<Data, Reason>,
  step: string,
): RetryPolicy | undefined {
  return stepsOf(definition).find(({ name }) => name === step)?.retryPolicy;
}
