import type { Order, OrderProgress } from "@shop/contracts/http/order";
import { orderSaga } from "@shop/contracts/order-saga";
import { useApp } from "../app-state.ts";
import type { Texts } from "../i18n/en.ts";
import { Icon } from "../parts/icon.tsx";
import type { OrderMoment } from "./moments.ts";

type Stage = OrderProgress;
/** Where an order gets that is not cancelled, by the saga's definition. */
const WAY: readonly Stage[] = orderSaga.progress.filter((stage) => stage !== "CANCELLING" && stage !== "CANCELLED");

interface TimelineProps {
  readonly order: Order;
  readonly moments: readonly OrderMoment[];
}

/** The way of an order: what lies behind it with its times, where it is, and what is still to come. */
export function Timeline({ order, moments }: TimelineProps) {
  const { texts, format } = useApp();
  const atOf = (stage: Stage) => moments.find(({ progress }) => progress === stage)?.at;
  const isTakenBack = order.progress === "CANCELLING" || order.progress === "CANCELLED";
  // Of a cancelled order only what it had reached is shown, and then its compensation.
  const reached = WAY.filter((stage) => atOf(stage) !== undefined && stage !== "COMPLETE");
  const stages: readonly Stage[] = isTakenBack ? [...reached, "CANCELLING", "CANCELLED"] : WAY;
  const now = stages.indexOf(order.progress);

  return (
    <ol class="timeline">
      {stages.map((stage, index) => {
        const hasEnded = order.status !== "PENDING";
        const state = index < now || (index === now && hasEnded) ? "past" : index === now ? "now" : "ahead";
        const at = state === "ahead" ? undefined : atOf(stage);
        const isBad = stage === "CANCELLING" || stage === "CANCELLED";
        return (
          <li
            key={stage}
            class={`stage ${state}${isBad ? " bad" : ""}`}
            aria-current={state === "now" ? "step" : undefined}
          >
            <span class="mark">{state === "past" ? <Icon name={isBad ? "revert" : "check"} size={16} /> : null}</span>
            <span class="stage-body">
              <b>{texts.progress[stage]}</b>
              {state === "ahead" ? null : <span class="quiet">{textOf(stage, order, texts)}</span>}
            </span>
            {at === undefined ? null : <time dateTime={at}>{format.time(at)}</time>}
          </li>
        );
      })}
    </ol>
  );
}

function textOf(stage: Stage, { cancelReason }: Order, texts: Texts): string {
  if (stage !== "CANCELLED") return texts.order.progressText[stage];
  return cancelReason === null ? "" : texts.cancelReasons[cancelReason];
}
