import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { CancelReason } from "@shop/contracts/primitives";
import { ExplainedError } from "@shop/runtime/errors";

/** The input of a command's data. */
interface Known<Data> {
  readonly data: Data;
  /** Why the saga is compensated; null while it goes forward. */
  readonly reason: CancelReason | null;
}

/** A command to a participant. */
export interface Command<Data> {
  readonly definition: MessageDefinition;
  readonly build: (known: Known<Data>) => unknown;
}

/** What a participant's message means for the step that it answers. */
export type Outcome =
  /** The step is done, and with it every step before it. */
  | { readonly kind: "done" }
  /** The step failed for good: the steps before it are compensated. */
  | { readonly kind: "refused"; readonly reason: CancelReason }
  /** A compensation came too late, the pivot has been passed: the saga runs to its end. */
  | { readonly kind: "tooLate" }
  /** What the saga is about is cancelled, for this reason. */
  | { readonly kind: "cancelled"; readonly reason: CancelReason };

export interface Reply {
  readonly type: string;
  readonly decide: (data: unknown) => Outcome;
}

/**
 * Retries of a step's command with exponential backoff: the first after `firstMs`, then after twice that, at most every `maxMs`.
 * After `deadlineMs` a compensatable step is compensated; any other is marked stuck and retried.
 */
export interface RetryPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly deadlineMs: number | null;
}

interface CommandStep<Data> {
  readonly name: string;
  /** What the saga's subject has reached once this step is done, in a word of its own. */
  readonly milestone: string;
  readonly send: Command<Data>;
  readonly replies: readonly Reply[];
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
export interface CompensatableStep<Data> extends CommandStep<Data>, ShownStep {
  readonly compensation: CommandStep<Data>;
}

/** The step that decides. Until it is done the saga can be compensated, afterwards it only goes forward. */
export interface PivotStep<Data> extends ShownStep {
  readonly name: string;
  readonly milestone: string;
  /** Sent as a reminder while the saga waits, in case the awaited message was lost. Entering the step sends nothing. */
  readonly remind: Command<Data>;
  readonly replies: readonly Reply[];
  readonly retryPolicy: RetryPolicy;
}

/** A step behind the pivot: it is retried until it succeeds. */
export interface RetriableStep<Data> extends CommandStep<Data>, ShownStep {}

export interface SagaDefinition<Data> {
  readonly name: string;
  /** Raised with each change; sagas in flight keep the version that they started with. */
  readonly version: number;
  /** The message that starts a saga, and the request to cancel it; either can arrive first. Both carry the saga's data. */
  readonly begins: MessageDefinition;
  readonly cancels: { readonly definition: MessageDefinition; readonly reason: (data: unknown) => CancelReason };
  readonly compensatable: readonly CompensatableStep<Data>[];
  readonly pivot: PivotStep<Data>;
  readonly retriable: readonly RetriableStep<Data>[];
  /** The command that follows the last compensation. */
  readonly cancelled: RetriableStep<Data>;
}

/** Gives a saga's definition its type; the order of the steps is the order of the lists. */
export function defineSaga<Data>(definition: SagaDefinition<Data>): SagaDefinition<Data> {
  return definition;
}

/** The command of a step, with data that fits the message's schema at compile time. */
export function command<Data, Definition extends MessageDefinition>(
  definition: Definition,
  build: (data: Data) => DataOf<Definition>,
): Command<Data> {
  return { definition, build: ({ data }) => build(data) };
}

/** The command that ends a compensated saga, with the reason. */
export function commandWithReason<Data, Definition extends MessageDefinition>(
  definition: Definition,
  build: (data: Data, reason: CancelReason) => DataOf<Definition>,
): Command<Data> {
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
export function when<Definition extends MessageDefinition>(
  definition: Definition,
  decide: (data: DataOf<Definition>) => Outcome,
): Reply {
  // Messages have been parsed with this definition.
  return { type: definition.type, decide: decide as (data: unknown) => Outcome };
}

/** The reason of a request to cancel. */
export function cancelRequest<Definition extends MessageDefinition>(
  definition: Definition,
  reason: (data: DataOf<Definition>) => CancelReason,
): SagaDefinition<never>["cancels"] {
  return { definition, reason: reason as (data: unknown) => CancelReason };
}

export const succeeded = (): Outcome => ({ kind: "done" });
export const tooLate = (): Outcome => ({ kind: "tooLate" });
export const cancelled = (reason: CancelReason): Outcome => ({ kind: "cancelled", reason });
export const refused = (reason: CancelReason): Outcome => ({ kind: "refused", reason });
