import { ReportReservationsCommand, ReservationsReported } from "@shop/contracts/messages/audit";
import {
  AnnounceProductsCommand,
  DecreaseProductCommand,
  IncreaseProductCommand,
  ProductDecreased,
  ProductIncreased,
} from "@shop/contracts/messages/product";
import { byType, type MessageHandlers, on, withLocks } from "@shop/messaging/inbox/handlers";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { heldByOrders } from "../db/reservations.ts";
import { announceProducts } from "../use-cases/announce-products.ts";
import { returnStock } from "../use-cases/return-stock.ts";
import { takeStock } from "../use-cases/take-stock.ts";
import { lockMixedBatch } from "./lock-mixed-batch.ts";
import { lockedKeys } from "./locked-keys.ts";

/** What the product service does with messages: the saga's two commands, telling of its products when it is asked to, and the audit's question. */
export function productHandlers({ outbox, clock }: Pick<ServiceContext, "outbox" | "clock">): MessageHandlers {
  const now = () => new Date(clock.now());

  const handlers = byType(
    on(DecreaseProductCommand, async (tx, messages) => {
      const takings = await takeStock(
        tx,
        messages.map(({ data }) => data),
        now(),
      );
      return takings.map(({ orderId, refusal }, index) =>
        outgoing(
          ProductDecreased,
          orderId,
          refusal === undefined ? { orderId, result: "SUCCESS" } : { orderId, result: "FAILURE", reason: refusal },
          messages[index]?.traceparent,
        ),
      );
    }),

    on(IncreaseProductCommand, async (tx, messages) => {
      await returnStock(
        tx,
        messages.map(({ data: { orderId } }) => orderId),
        now(),
      );
      return messages.map(({ data: { orderId }, traceparent }) =>
        outgoing(ProductIncreased, orderId, { orderId }, traceparent),
      );
    }),

    on(AnnounceProductsCommand, (tx, messages) => announceProducts(tx, outbox, messages[0]?.traceparent)),

    on(ReportReservationsCommand, (tx, messages) =>
      Promise.all(
        messages.map(async ({ key, data: { auditId, orderIds }, traceparent }) =>
          outgoing(ReservationsReported, key, { auditId, reservations: await heldByOrders(tx, orderIds) }, traceparent),
        ),
      ),
    ),
  );
  return withLocks(handlers, { lockFirst: lockMixedBatch, lockedKeys });
}
