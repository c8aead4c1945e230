import type { OrderSnapshot } from "@shop/contracts/messages/order";
import { orderSaga } from "../sagas/order.saga.ts";
import type { SagaDefinition } from "./definition.ts";

/** Every version of the order's saga that may still be in flight, the newest last. A version leaves when no saga runs under it any more. */
const orderSagaVersions: readonly SagaDefinition<OrderSnapshot>[] = [orderSaga];

/** The versions that this release can go on with; a saga of another one waits for the release that can. */
export const knownVersions: readonly number[] = orderSagaVersions.map(({ version }) => version);

/** Gives the definition that a saga goes on under: that of its own version, or the newest one for a saga that begins. */
export function orderSagaOf(version: number | undefined): SagaDefinition<OrderSnapshot> {
  const definition =
    version === undefined ? orderSagaVersions.at(-1) : orderSagaVersions.find((known) => known.version === version);
  if (definition === undefined) throw new Error(`the order saga's version ${version} is not known to this release`);
  return definition;
}

/** The types of messages that the order's saga listens to. */
export const orderSagaMessageTypes: ReadonlySet<string> = new Set(
  orderSagaVersions.flatMap(({ begins, cancels, undoable, pivot, retriable, cancelled }) => [
    begins.type,
    cancels.definition.type,
    ...[...undoable, ...undoable.map(({ undo }) => undo), pivot, ...retriable, cancelled].flatMap(({ answers }) =>
      answers.map(({ type }) => type),
    ),
  ]),
);
