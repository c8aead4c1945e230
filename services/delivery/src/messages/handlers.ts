import { DeliveriesReported, ReportDeliveriesCommand } from "@shop/contracts/messages/audit";
import { CancelDeliveryCommand, CreateDeliveryCommand } from "@shop/contracts/messages/delivery";
import { byType, keysOf, type MessageHandlers, on, withLocks } from "@shop/messaging/inbox/handlers";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { ExplainedError } from "@shop/runtime/errors";
import type { ServiceContext } from "@shop/service/context";
import { lockFreeDeliveries, statusesOf } from "../db/deliveries.ts";
import { cancelDeliveries } from "../use-cases/cancel-deliveries.ts";
import { createDeliveries } from "../use-cases/create-deliveries.ts";
import { answersToCreate, answerToCancel } from "./answers.ts";

/** What the delivery service does with messages: the saga's two commands, and the audit's question. */
export function deliveryHandlers(context: Pick<ServiceContext, "clock" | "ids">): MessageHandlers {
  const handlers = byType(
    on(CreateDeliveryCommand, async (tx, messages) => {
      const deliveries = await createDeliveries(
        tx,
        context,
        messages.map(({ data }) => data),
      );
      return messages.flatMap(({ data, traceparent }) => answersToCreate(known(deliveries, data.orderId), traceparent));
    }),

    on(CancelDeliveryCommand, async (tx, messages) => {
      const deliveries = await cancelDeliveries(
        tx,
        context,
        messages.map(({ data }) => data),
      );
      return messages.map(({ data, traceparent }) => answerToCancel(known(deliveries, data.orderId), traceparent));
    }),

    on(ReportDeliveriesCommand, (tx, messages) =>
      Promise.all(
        messages.map(async ({ key, data: { auditId, orderIds }, traceparent }) =>
          outgoing(DeliveriesReported, key, { auditId, deliveries: await statusesOf(tx, orderIds) }, traceparent),
        ),
      ),
    ),
  );
  return withLocks(handlers, { lockedKeys: (tx, messages) => lockFreeDeliveries(tx, keysOf(messages)) });
}

function known<Value>(values: ReadonlyMap<string, Value>, orderId: string): Value {
  const value = values.get(orderId);
  if (value === undefined) throw new ExplainedError(`order ${orderId} has no delivery after one was stored for it`);
  return value;
}
