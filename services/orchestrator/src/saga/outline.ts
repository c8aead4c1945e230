import { ParticipantName } from "@shop/contracts/http/dead-letter";
import type { SagaPictureStep } from "@shop/contracts/http/saga";
import type { Command, SagaDefinition } from "./definition.ts";

/** The parts of a definition that its outline shows. */
export type OutlinedSaga<Data, Reason extends string> = Pick<
  SagaDefinition<Data, Reason>,
  "compensatable" | "pivot" | "retriable" | "cancelled"
>;

/** A step as its definition has it. */
export interface StepOutline extends Pick<
  SagaPictureStep,
  "kind" | "service" | "command" | "answers" | "firstRetryMs" | "maxRetryMs" | "deadlineMs"
> {
  readonly name: string;
  /** The step that compensates it; null when none does. */
  readonly compensation: string | null;
}

export interface SagaOutline {
  readonly forward: readonly StepOutline[];
  /** The compensations in the order in which they run, and the command that follows the last one. */
  readonly backward: readonly StepOutline[];
}

interface Asking<Data, Reason extends string> {
  readonly name: string;
  readonly replies: readonly { readonly type: string }[];
  readonly retryPolicy: { readonly firstMs: number; readonly maxMs: number; readonly deadlineMs: number | null };
  readonly send: Command<Data, Reason>;
}

/** The service that a command goes to, and that owes its answer. */
export function receiverOf<Data, Reason extends string>({ definition }: Command<Data, Reason>): ParticipantName {
  return ParticipantName.parse(definition.receivers[0]);
}

/** The steps of a saga, in the order of its definition. */
export function outlineOf<Data, Reason extends string>({
  compensatable,
  pivot,
  retriable,
  cancelled,
}: OutlinedSaga<Data, Reason>): SagaOutline {
  const part = (
    kind: StepOutline["kind"],
    step: Asking<Data, Reason>,
    compensation: StepOutline["compensation"] = null,
  ): StepOutline => ({
    ...{ name: step.name, kind, compensation },
    service: receiverOf(step.send),
    command: step.send.definition.type,
    answers: step.replies.map(({ type }) => type),
    firstRetryMs: step.retryPolicy.firstMs,
    maxRetryMs: step.retryPolicy.maxMs,
    deadlineMs: step.retryPolicy.deadlineMs,
  });
  return {
    forward: [
      ...compensatable.map((step) => part("COMPENSATABLE", step, step.compensation.name)),
      part("PIVOT", { ...pivot, send: pivot.remind }),
      ...retriable.map((step) => part("RETRIABLE", step)),
    ],
    backward: [
      ...compensatable.map(({ compensation }) => part("COMPENSATION", compensation)).toReversed(),
      part("CANCELLATION", cancelled),
    ],
  };
}
