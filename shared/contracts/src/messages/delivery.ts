import { z } from "zod";
import { Instant, Uuid } from "../primitives.ts";
import { defineMessage } from "./define.ts";

const ofOneDelivery = z.object({ orderId: Uuid, deliveryId: Uuid });
/** Both commands carry what a delivery record needs: a cancel that comes first leaves a CANCELLED record, and the late create finds it. */
const DeliveryOrder = z.object({ orderId: Uuid, customerId: Uuid, deliveryAddress: z.string() });

export const CreateDeliveryCommand = defineMessage({
  type: "CreateDeliveryCommand",
  topic: "delivery.commands",
  sender: "orchestrator",
  receivers: ["delivery"],
  summary: "Store a delivery that waits for a rider. Asked again, it is answered with how the delivery stands now.",
  data: DeliveryOrder,
});

export const DeliveryCreated = defineMessage({
  type: "DeliveryCreated",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator", "order"],
  summary: "The delivery is stored and waits for a rider.",
  data: ofOneDelivery,
});

export const DeliveryCompleted = defineMessage({
  type: "DeliveryCompleted",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator", "order"],
  summary: "A rider completed the delivery.",
  data: ofOneDelivery.extend({ riderId: Uuid, completedAt: Instant }),
});

export const DeliveryFailed = defineMessage({
  type: "DeliveryFailed",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator", "order"],
  summary: "A rider gave up the delivery; the order is cancelled.",
  data: ofOneDelivery.extend({ reason: z.string() }),
});

export const CancelDeliveryCommand = defineMessage({
  type: "CancelDeliveryCommand",
  topic: "delivery.commands",
  sender: "orchestrator",
  receivers: ["delivery"],
  summary: "Cancel the order's delivery unless the rider completed it first.",
  data: DeliveryOrder,
});

export const DeliveryCancelled = defineMessage({
  type: "DeliveryCancelled",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator", "order"],
  summary: "The answer to CancelDeliveryCommand. REFUSED: the rider was first, the delivery is COMPLETE.",
  data: z.discriminatedUnion("result", [
    ofOneDelivery.extend({ result: z.literal("SUCCESS") }),
    ofOneDelivery.extend({ result: z.literal("REFUSED"), reason: z.literal("ALREADY_COMPLETE") }),
  ]),
});
