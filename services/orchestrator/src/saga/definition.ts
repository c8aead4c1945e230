import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { RetryPolicy as CommonRetryPolicy } from "@shop/runtime/backoff";
import { ExplainedError } from "@shop/runtime/errors";

/** The reasons for a compensation that the engine itself gives: a step's deadline has passed, or an operator cancels. */
export type EngineReason = "TIMED_OUT" | "CANCELLED_BY_ADMIN";

/** The input of a command's data. */
interface Known<Data, Reason extends string> {
  readonly data: Data;
  /** Why the saga is compensated; null while it goes forward. */
  readonly reason: Reason | EngineReason | null;
}

/** A command to a participant. */
export interface Command<Data, Reason extends string> {
  readonly definition: MessageDefinition;
  readonly build: (known: Known<Data, Reason>) => unknown;
}

/** What a participant's message means for the step that it answers. */
export type Outcome<Reason extends string> =
  /** The step is done, and with it every step before it. */
  | { readonly kind: "done" }
  /** The step failed for good: the steps before it are compensated. */
  | { readonly kind: "refused"; readonly reason: Reason }
  /** A compensation came too late, the pivot has been passed: the saga runs to its end. */
  | { readonly kind: "tooLate" }
  /** What the saga is about is cancelled, for this reason. */
  | { readonly kind: "cancelled"; readonly reason: Reason | EngineReason };

export interface Reply<Reason extends string> {
  readonly type: string;
  readonly decide: (data: unknown) => Outcome<Reason>;
}

/** Retries of a step's command. At the deadline a compensatable step is compensated; any other is marked stuck and retried. */
export type RetryPolicy = CommonRetryPolicy;

interface CommandStep<Data, Reason extends string> {
  readonly name: string;
  /** What the saga's subject has reached once this step is done, in a word of its own. */
  readonly milestone: string;
  readonly send: Command<Data, Reason>;
  readonly replies: readonly Reply<Reason>[];
  readonly retryPolicy: RetryPolicy;
}

/** How a step of the way forward is shown to those who only see the saga's subject, such as a customer. */
interface ShownStep {
  /** What the saga's subject waits for in this step, to be read after “waiting for”. */
  readonly waitsFor: string;
  /** What it has reached when this step is refused; needed by a step that can be. */
  readonly refusedMilestone?: string;
}

/** A step before the pivot; its definition must name its compensation. */
export interface CompensatableStep<Data, Reason extends string> extends CommandStep<Data, Reason>, ShownStep {
  readonly compensation: CommandStep<Data, Reason>;
}

/** The step that decides. Until it is done the saga can be compensated, afterwards it only goes forward. */
export interface PivotStep<Data, Reason extends string> extends ShownStep {
  readonly name: string;
  readonly milestone: string;
  /** Why a saga that has passed it cannot be compensated, as a sentence without its full stop. */
  readonly passed: string;
  /** Sent as a reminder while the saga waits, in case the awaited message was lost. Entering the step sends nothing. */
  readonly remind: Command<Data, Reason>;
  readonly replies: readonly Reply<Reason>[];
  readonly retryPolicy: RetryPolicy;
}

/** A step behind the pivot: it is retried until it succeeds. */
export interface RetriableStep<Data, Reason extends string> extends CommandStep<Data, Reason>, ShownStep {}

export interface SagaDefinition<Data, Reason extends string> {
  /** What it is about, in a word. */
  readonly name: string;
  /** Raised with each change; sagas in flight keep the version that they started with. */
  readonly version: number;
  /** The field of the messages' data that names what a saga is about. It is the key of its messages, so that they stay in order. */
  readonly keyField: string;
  /** Every reason for which it is compensated. */
  readonly reasons: readonly (Reason | EngineReason)[];
  /** What an operator runs to find out why one does not continue. */
  readonly remedy: (key: string) => string;
  /** The message that starts a saga, and the request to cancel it; either can arrive first. Both carry the saga's data. */
  readonly begins: MessageDefinition;
  readonly cancels: { readonly definition: MessageDefinition; readonly reason: (data: unknown) => Reason };
  readonly compensatable: readonly CompensatableStep<Data, Reason>[];
  readonly pivot: PivotStep<Data, Reason>;
  readonly retriable: readonly RetriableStep<Data, Reason>[];
  /** The command that follows the last compensation. */
  readonly cancelled: RetriableStep<Data, Reason>;
}

/** Gives a saga's definition its type; the order of the steps is the order of the lists. */
export function defineSaga<Data, Reason extends string>(
  definition: SagaDefinition<Data, Reason>,
): SagaDefinition<Data, Reason> {
  return definition;
}

/** The command of a step, with data that fits the message's schema at compile time. */
export function command<Data, Definition extends MessageDefinition>(
  definition: Definition,
  build: (data: Data) => DataOf<Definition>,
): Command<Data, string> {
  return { definition, build: ({ data }) => build(data) };
}

/** The command that ends a compensated saga, with the reason. */
export function commandWithReason<Data, Reason extends string, Definition extends MessageDefinition>(
  definition: Definition,
  build: (data: Data, reason: Reason | EngineReason) => DataOf<Definition>,
): Command<Data, Reason> {
  return {
    definition,
    build: ({ data, reason }) => {
      if (reason === null)
        throw new ExplainedError(`${definition.type} is sent only by a compensating saga, which has a reason`);
      return build(data, reason);
    },
  };
}

/** What a message means as a reply. `decide` sees data that the message's schema has validated. */
export function when<Reason extends string, Definition extends MessageDefinition>(
  definition: Definition,
  decide: (data: DataOf<Definition>) => Outcome<Reason>,
): Reply<Reason> {
  // Messages have been parsed with this definition.
  return { type: definition.type, decide: decide as (data: unknown) => Outcome<Reason> };
}

/** The reason of a request to cancel. */
export function cancelRequest<Reason extends string, Definition extends MessageDefinition>(
  definition: Definition,
  reason: (data: DataOf<Definition>) => Reason,
): SagaDefinition<never, Reason>["cancels"] {
  return { definition, reason: reason as (data: unknown) => Reason };
}

export const succeeded = (): Outcome<never> => ({ kind: "done" });
export const tooLate = (): Outcome<never> => ({ kind: "tooLate" });
export const cancelled = <Reason extends string>(reason: Reason): Outcome<Reason> => ({ kind: "cancelled", reason });
export const refused = <Reason extends string>(reason: Reason): Outcome<Reason> => ({ kind: "refused", reason });
