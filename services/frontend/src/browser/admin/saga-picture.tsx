import type { SagaPicture as Picture, SagaPictureStep } from "@shop/contracts/http/saga";
import { useApp } from "../app-state.ts";
import { Icon } from "../parts/icon.tsx";

const CLASSES = { AHEAD: "ahead", CURRENT: "now", STUCK: "halted", PAST: "past" } as const;

/** The steps of a saga in a row, as its definition has them, and below them the compensations of one that compensates. */
export function SagaPicture({ picture }: { readonly picture: Picture }) {
  const { texts } = useApp();
  const { isKnownVersion, forward, backward } = picture;
  if (!isKnownVersion) return <p class="bad-text">{texts.admin.unknownVersion(picture.version)}</p>;
  const goesBack = backward.some(({ state }) => state !== "AHEAD");
  return (
    <div class="saga-picture">
      <Lane steps={forward} isBack={false} />
      {goesBack ? <Lane steps={backward} isBack /> : null}
    </div>
  );
}

interface LaneProps {
  readonly steps: readonly SagaPictureStep[];
  readonly isBack: boolean;
}

function Lane({ steps, isBack }: LaneProps) {
  const { texts, format } = useApp();
  const t = texts.admin;
  return (
    <ol class={isBack ? "lane back" : "lane"}>
      {steps.map((step) => {
        const { name, state, enteredAt, leftAt, retries, messages, compensation, command, deadlineMs } = step;
        const isNow = state === "CURRENT" || state === "STUCK";
        const spentMs = enteredAt === null || leftAt === null ? null : Date.parse(leftAt) - Date.parse(enteredAt);
        const facts = [
          ...(state === "AHEAD" ? [command] : messages),
          ...(deadlineMs === null || state === "PAST" ? [] : [t.within(format.span(deadlineMs))]),
          ...(compensation === null ? [] : [t.compensatedBy(texts.sagaStep[compensation])]),
        ];
        return (
          <li key={name} class={`lane-step ${CLASSES[state]}`} aria-current={isNow ? "step" : undefined}>
            <span class="mark">
              {state === "PAST" ? <Icon name={isBack ? "revert" : "check"} size={16} /> : null}
              {state === "STUCK" ? <Icon name="alert" size={16} /> : null}
            </span>
            <b>{texts.sagaStep[name]}</b>
            {enteredAt === null ? null : (
              <time dateTime={enteredAt}>
                {format.time(enteredAt)}
                {spentMs === null ? null : ` · ${format.span(spentMs)}`}
              </time>
            )}
            <small class="quiet">{facts.join(" · ")}</small>
            {retries > 0 ? <small>{t.retries(retries)}</small> : null}
          </li>
        );
      })}
    </ol>
  );
}
