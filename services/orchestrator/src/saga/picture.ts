import type { SagaHistoryEntry, SagaPicture, SagaPictureStep, SagaStep } from "@shop/contracts/http/saga";
import type { Command } from "./definition.ts";
import { type OutlinedSaga, outlineOf, type StepOutline } from "./outline.ts";
import { hasEnded, type SagaState } from "./state.ts";

type SagaPosition = Pick<SagaState<unknown, string>, "status" | "step"> & { readonly isStuck: boolean };

/** The command of a step, whichever way the saga goes; undefined when the definition has no such step. */
export function commandOf<Data, Reason extends string>(
  { compensatable, pivot, retriable, cancelled }: OutlinedSaga<Data, Reason>,
  step: string,
): Command<Data, Reason> | undefined {
  const asking = [...compensatable, ...compensatable.map(({ compensation }) => compensation), ...retriable, cancelled];
  return pivot.name === step ? pivot.remind : asking.find(({ name }) => name === step)?.send;
}

/**
 * The steps of a saga as its definition has them, with what happened in each.
 * @param history oldest first; a step that is entered twice has the times of the last
 */
export function pictureOf<Data, Reason extends string>(
  definition: OutlinedSaga<Data, Reason>,
  position: SagaPosition,
  history: readonly SagaHistoryEntry[],
): Pick<SagaPicture, "forward" | "backward"> {
  const { forward, backward } = outlineOf(definition);
  // The published steps are those of the definitions, so each is one of them.
  const draw = ({ name, compensation, ...step }: StepOutline): SagaPictureStep => ({
    ...{ name: name as SagaStep, ...step, compensation: compensation as SagaStep | null },
    ...happenedIn(name, position, history),
  });
  return { forward: forward.map(draw), backward: backward.map(draw) };
}

function happenedIn(
  step: string,
  { status, step: current, isStuck }: SagaPosition,
  history: readonly SagaHistoryEntry[],
) {
  const entered = history.findLastIndex((entry, index) => entry.step === step && history[index - 1]?.step !== step);
  const first = history[entered];
  const isCurrent = current === step && !hasEnded({ status });
  const nothing = { retries: 0, messages: [], leftAt: null };
  const state = isCurrent ? (isStuck ? "STUCK" : "CURRENT") : first === undefined ? "AHEAD" : "PAST";
  if (first === undefined) return { ...nothing, state, enteredAt: null } as const;
  const next = history.findIndex((entry, index) => index > entered && entry.step !== step);
  const within = history.slice(entered, next === -1 ? undefined : next);
  // What ends the last step is noted in it.
  const leftAt = isCurrent ? null : (history[next]?.at ?? within.at(-1)?.lastAt ?? null);
  const retries = within.slice(1).reduce((sum, { message, times }) => sum + (message === null ? times : 0), 0);
  const messages = within.flatMap(({ message }) => message ?? []);
  return { state, enteredAt: first.at, leftAt, retries, messages } as const;
}
