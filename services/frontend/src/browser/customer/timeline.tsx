import type { Order, OrderProgress } from "@shop/contracts/http/order";
import { useApp } from "../app-state.ts";
import type { Texts } from "../i18n/en.ts";
import { Icon } from "../parts/icon.tsx";
import type { OrderMoment } from "./moments.ts";

type Stage = OrderProgress;
const WAY: readonly Stage[] = ["CREATED", "STOCK_TAKEN", "WAITING_FOR_RIDER", "DELIVERED", "COMPLETE"];

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
        const { title, text } = wordsOf(stage, order, texts);
        return (
          <li
            key={stage}
            class={`stage ${state}${isBad ? " bad" : ""}`}
            aria-current={state === "now" ? "step" : undefined}
          >
            <span class="mark">{state === "past" ? <Icon name={isBad ? "revert" : "check"} size={16} /> : null}</span>
            <span class="stage-body">
              <b>{title}</b>
              {state === "ahead" ? null : <span class="quiet">{text}</span>}
            </span>
            {at === undefined ? null : <time dateTime={at}>{format.time(at)}</time>}
          </li>
        );
      })}
    </ol>
  );
}

function wordsOf(stage: Stage, { cancelReason }: Order, texts: Texts): { title: string; text: string } {
  const t = texts.order;
  switch (stage) {
    case "CREATED":
      return { title: t.placed, text: t.placedText };
    case "STOCK_TAKEN":
      return { title: t.stock, text: t.stockText };
    case "WAITING_FOR_RIDER":
      return { title: t.rider, text: t.riderText };
    case "DELIVERED":
      return { title: t.delivered, text: t.deliveredText };
    case "COMPLETE":
      return { title: t.complete, text: t.completeText };
    case "CANCELLING":
      return { title: t.cancelling, text: t.cancellingText };
    case "CANCELLED":
      return { title: t.cancelled, text: cancelReason === null ? "" : texts.cancelReasons[cancelReason] };
    default:
      return stage satisfies never;
  }
}
