import type { OrderMilestone } from "@shop/contracts/http/order";
import { DeliveryCreated } from "@shop/contracts/messages/delivery";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import { messagesByType } from "@shop/contracts/messages/registry";
import { orderSaga } from "@shop/contracts/order-saga";
import { ExplainedError } from "@shop/runtime/errors";

type Reached = OrderMilestone | { readonly SUCCESS?: OrderMilestone; readonly FAILURE?: OrderMilestone };

const reachedBy: ReadonlyMap<string, Reached> = new Map(Object.entries(orderSaga.events));

/** Events of the other services that move the progress shown to the customer, by the saga's definition. */
export const progressEvents: readonly MessageDefinition[] = [...reachedBy.keys()].map((type) => {
  const definition = messagesByType.get(type);
  if (definition === undefined) throw new ExplainedError(`${type} is an answer in the saga, but no message`);
  return definition;
});

/** The milestone that an event reaches; undefined when it reaches none, as when the rider completed before a cancel. */
export function milestoneOf({
  type,
  data,
}: {
  readonly type: string;
  readonly data: unknown;
}): OrderMilestone | undefined {
  const reached = reachedBy.get(type);
  if (reached === undefined || typeof reached === "string") return reached;
  // The inbox has parsed it with its schema.
  return reached[(data as { readonly result: "SUCCESS" | "FAILURE" }).result];
}

/** The delivery that a message says was created; undefined for any other message. */
export const createdDelivery = ({
  type,
  data,
}: {
  readonly type: string;
  readonly data: unknown;
}): string | undefined => (type === DeliveryCreated.type ? DeliveryCreated.data.parse(data).deliveryId : undefined);
