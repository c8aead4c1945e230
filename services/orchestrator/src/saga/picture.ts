import { ParticipantName } from "@shop/contracts/http/dead-letter";
import type { SagaHistoryEntry, SagaPicture, SagaPictureStep, SagaStep } from "@shop/contracts/http/saga";
import type { Command, SagaDefinition } from "./definition.ts";
import { hasEnded, type SagaState } from "./state.ts";

type Definition<Data> = Pick<SagaDefinition<Data>, "compensatable" | "pivot" | "retriable" | "cancelled">;
type SagaPosition = Pick<SagaState<unknown>, "status" | "step"> & { readonly isStuck: boolean };
type Part = Pick<
  SagaPictureStep,
  | ("name" | "kind" | "service" | "command" | "answers" | "compensation")
  | ("firstRetryMs" | "maxRetryMs" | "deadlineMs")
>;

interface Asking<Data> {
  readonly name: SagaStep;
  readonly replies: readonly { readonly type: string }[];
  readonly retryPolicy: { readonly firstMs: number; readonly maxMs: number; readonly deadlineMs: number | null };
  readonly send: Command<Data>;
}

/** The service that a command goes to, and that owes its answer. */
export function receiverOf<Data>({ definition }: Command<Data>): ParticipantName {
  return ParticipantName.parse(definition.receivers[0]);
}

/** The command of a step, whichever way the saga goes; undefined when the definition has no such step. */
export function commandOf<Data>(
  { compensatable, pivot, retriable, cancelled }: Definition<Data>,
  step: SagaStep,
): Command<Data> | undefined {
  const asking = [...compensatable, ...compensatable.map(({ compensation }) => compensation), ...retriable, cancelled];
  return pivot.name === step ? pivot.remind : asking.find(({ name }) => name === step)?.send;
}

/**
 * The steps of a saga as its definition has them, with what happened in each.
 * @param history oldest first; a step that is entered twice has the times of the last
 */
export function pictureOf<Data>(
  definition: Definition<Data>,
  position: SagaPosition,
  history: readonly SagaHistoryEntry[],
): Pick<SagaPicture, "forward" | "backward"> {
  const { compensatable, pivot, retriable, cancelled } = definition;
  const part = (kind: Part["kind"], step: Asking<Data>, compensation: SagaStep | null = null): Part => ({
    ...{ name: step.name, kind, compensation },
    service: receiverOf(step.send),
    command: step.send.definition.type,
    answers: step.replies.map(({ type }) => type),
    firstRetryMs: step.retryPolicy.firstMs,
    maxRetryMs: step.retryPolicy.maxMs,
    deadlineMs: step.retryPolicy.deadlineMs,
  });
  const draw = (drawn: Part): SagaPictureStep => ({ ...drawn, ...happenedIn(drawn.name, position, history) });
  const forward = [
    ...compensatable.map((step) => part("COMPENSATABLE", step, step.compensation.name)),
    part("PIVOT", { ...pivot, send: pivot.remind }),
    ...retriable.map((step) => part("RETRIABLE", step)),
  ];
  const backward = [
    ...compensatable.map(({ compensation }) => part("COMPENSATION", compensation)).toReversed(),
    part("CANCELLATION", cancelled),
  ];
  return { forward: forward.map(draw), backward: backward.map(draw) };
}

function happenedIn(
  step: SagaStep,
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
