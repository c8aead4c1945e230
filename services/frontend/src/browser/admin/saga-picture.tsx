import type { Saga, SagaStep } from "@shop/contracts/http/saga";
import { useApp } from "../app-state.ts";
import { Icon } from "../parts/icon.tsx";

const FORWARD: readonly SagaStep[] = ["DECREASE_PRODUCT", "CREATE_DELIVERY", "WAIT_FOR_RIDER", "COMPLETE_ORDER"];
const BACK: readonly SagaStep[] = ["CANCEL_DELIVERY", "INCREASE_PRODUCT", "CANCEL_ORDER"];

/** The steps of a saga in a row, and below them the compensations of one that cancels its order. */
export function SagaPicture({ saga }: { readonly saga: Saga }) {
  const goesBack = BACK.includes(saga.step) || saga.history.some(({ step }) => BACK.includes(step));
  return (
    <div class="saga-picture">
      <Lane saga={saga} steps={FORWARD} isBack={false} />
      {goesBack ? <Lane saga={saga} steps={BACK} isBack /> : null}
    </div>
  );
}

interface LaneProps {
  readonly saga: Saga;
  readonly steps: readonly SagaStep[];
  readonly isBack: boolean;
}

function Lane({ saga, steps, isBack }: LaneProps) {
  const { texts, format } = useApp();
  const hasEnded = saga.status === "COMPLETE" || saga.status === "CANCELLED";
  return (
    <ol class={isBack ? "lane back" : "lane"}>
      {steps.map((step) => {
        const entries = saga.history.filter((entry) => entry.step === step);
        const last = entries.at(-1);
        const isNow = saga.step === step && !hasEnded;
        const state = isNow ? (saga.status === "STUCK" ? "halted" : "now") : last === undefined ? "ahead" : "past";
        const messages = entries.flatMap(({ message }) => message ?? []);
        return (
          <li key={step} class={`lane-step ${state}`} aria-current={isNow ? "step" : undefined}>
            <span class="mark">
              {state === "past" ? <Icon name={isBack ? "undo" : "check"} size={16} /> : null}
              {state === "halted" ? <Icon name="alert" size={16} /> : null}
            </span>
            <b>{texts.sagaStep[step]}</b>
            {last === undefined ? null : <time dateTime={last.at}>{format.time(last.at)}</time>}
            <small class="quiet">{messages.join(", ")}</small>
            {isNow && saga.attempts > 1 ? <small>{texts.admin.attempts(saga.attempts)}</small> : null}
          </li>
        );
      })}
    </ol>
  );
}
