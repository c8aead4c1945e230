import { ExplainedError } from "@shop/runtime/errors";
import type { SagaDefinition } from "./definition.ts";

/**
 * The versions of a saga that a release can continue with. A saga of another version waits for the release that can.
 * A database holds the sagas of one kind: those of all versions, and no others.
 */
export interface SagaVersions<Data, Reason extends string> {
  readonly known: readonly number[];
  /** What a saga that begins now begins under. */
  readonly newest: SagaDefinition<Data, Reason>;
  /** The steps that any of the versions has, and the reasons for which any of them is compensated. */
  readonly steps: ReadonlySet<string>;
  readonly reasons: ReadonlySet<string>;
  /** The types of messages that any of the versions listens to. */
  readonly messageTypes: ReadonlySet<string>;
  /** The definition that a saga goes on under; undefined when this release does not have it. */
  find(version: number): SagaDefinition<Data, Reason> | undefined;
}

/**
 * @param definitions the newest last
 * @throws when there is none, or two have the same version
 */
export function sagaVersions<Data, Reason extends string>(
  definitions: readonly SagaDefinition<Data, Reason>[],
): SagaVersions<Data, Reason> {
  const newest = definitions.at(-1);
  const byVersion = new Map(definitions.map((definition) => [definition.version, definition]));
  if (newest === undefined || byVersion.size !== definitions.length)
    throw new ExplainedError("list each version of the saga once, and at least one");
  return {
    known: [...byVersion.keys()],
    newest,
    steps: new Set(definitions.flatMap(stepNamesOf)),
    reasons: new Set(definitions.flatMap(({ reasons }): readonly string[] => reasons)),
    messageTypes: new Set(definitions.flatMap(messageTypesOf)),
    find: (version) => byVersion.get(version),
  };
}

/** All steps of a definition: the way forward, the compensations, and the cancellation. */
export function stepsOf<Data, Reason extends string>({
  compensatable,
  pivot,
  retriable,
  cancelled,
}: Pick<SagaDefinition<Data, Reason>, "compensatable" | "pivot" | "retriable" | "cancelled">) {
  const compensations = compensatable.map(({ compensation }) => compensation);
  return [...compensatable, pivot, ...retriable, ...compensations.toReversed(), cancelled];
}

const stepNamesOf = <Data, Reason extends string>(definition: SagaDefinition<Data, Reason>) =>
  stepsOf(definition).map(({ name }) => name);

function messageTypesOf<Data, Reason extends string>(definition: SagaDefinition<Data, Reason>): readonly string[] {
  const { begins, cancels } = definition;
  const answers = stepsOf(definition).flatMap(({ replies }) => replies.map(({ type }) => type));
  return [begins.type, cancels.definition.type, ...answers];
}
