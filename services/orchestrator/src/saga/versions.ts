import type { OrderSnapshot } from "@shop/contracts/messages/order";
import { ExplainedError } from "@shop/runtime/errors";
import type { SagaDefinition } from "./definition.ts";

/** The versions of the order's saga that a release can continue with. A saga of another version waits for the release that can. */
export interface SagaVersions {
  readonly known: readonly number[];
  /** What a saga that begins now begins under. */
  readonly newest: SagaDefinition<OrderSnapshot>;
  /** The types of messages that any of the versions listens to. */
  readonly messageTypes: ReadonlySet<string>;
  /** The definition that a saga goes on under; undefined when this release does not have it. */
  find(version: number): SagaDefinition<OrderSnapshot> | undefined;
}

/**
 * @param definitions the newest last
 * @throws when there is none, or two have the same version
 */
export function sagaVersions(definitions: readonly SagaDefinition<OrderSnapshot>[]): SagaVersions {
  const newest = definitions.at(-1);
  const byVersion = new Map(definitions.map((definition) => [definition.version, definition]));
  if (newest === undefined || byVersion.size !== definitions.length)
    throw new ExplainedError("list each version of the saga once, and at least one");
  return {
    known: [...byVersion.keys()],
    newest,
    messageTypes: new Set(definitions.flatMap(messageTypesOf)),
    find: (version) => byVersion.get(version),
  };
}

function messageTypesOf({
  begins,
  cancels,
  compensatable,
  pivot,
  retriable,
  cancelled,
}: SagaDefinition<OrderSnapshot>): readonly string[] {
  const steps = [
    ...compensatable,
    ...compensatable.map(({ compensation }) => compensation),
    pivot,
    ...retriable,
    cancelled,
  ];
  return [begins.type, cancels.definition.type, ...steps.flatMap(({ replies }) => replies.map(({ type }) => type))];
}
