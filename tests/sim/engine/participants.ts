import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { Topic } from "@shop/contracts/services";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCancelRequested,
  OrderCompleted,
  OrderCreated,
  type OrderSnapshot,
} from "@shop/contracts/messages/order";
import {
  DecreaseProductCommand,
  IncreaseProductCommand,
  ProductDecreased,
  ProductIncreased,
} from "@shop/contracts/messages/product";

export interface Message {
  readonly type: string;
  readonly topic: Topic;
  readonly data: unknown;
}

function message<Definition extends MessageDefinition>(definition: Definition, data: DataOf<Definition>): Message {
  return { type: definition.type, topic: definition.topic, data };
}

const orderId = "00000000-0000-7000-8000-000000000001";
const deliveryId = "00000000-0000-7000-8000-000000000002";
const riderId = "00000000-0000-7000-8000-000000000003";
const about = { orderId, deliveryId };

const snapshot: OrderSnapshot = {
  ...{ orderId, customerId: riderId, total: 1_000, currency: "KRW", deliveryAddress: "here" },
  items: [{ productId: deliveryId, quantity: 1 }],
};

/** What the participants know of one order, as their services keep it: each says the same again when it is asked again, and remembers a compensation that came first. */
export class Participants {
  order: "PENDING" | "COMPLETE" | "CANCELLED" = "PENDING";
  isCancelRequested = false;
  stock: "NONE" | "TAKEN" | "REFUSED" | "RETURNED" = "NONE";
  delivery: "NONE" | "PENDING" | "COMPLETE" | "CANCELLED" | "FAILED" = "NONE";
  /** What a saga must never ask for, and asked for. */
  readonly wrongs: string[] = [];
  readonly #hasStock: boolean;

  constructor(hasStock: boolean) {
    this.#hasStock = hasStock;
  }

  /** The order service's message: that the order exists, or that its customer wants to cancel it. */
  tell(): Message {
    return this.isCancelRequested
      ? message(OrderCancelRequested, { ...snapshot, reason: "CANCELLED_BY_CUSTOMER" })
      : message(OrderCreated, snapshot);
  }

  requestCancel(): readonly Message[] {
    if (this.order !== "PENDING" || this.isCancelRequested) return [];
    this.isCancelRequested = true;
    return [this.tell()];
  }

  ride(how: "COMPLETE" | "FAILED"): readonly Message[] {
    if (this.delivery !== "PENDING") return [];
    this.delivery = how;
    return this.#delivered();
  }

  /** Does what a command says. @returns the answers */
  obey(type: string): readonly Message[] {
    switch (type) {
      case DecreaseProductCommand.type:
        return [this.#takeStock()];
      case IncreaseProductCommand.type:
        if (this.stock !== "REFUSED") this.stock = "RETURNED";
        return [message(ProductIncreased, { orderId })];
      case CreateDeliveryCommand.type:
        if (this.delivery === "NONE") this.delivery = "PENDING";
        if (this.delivery === "CANCELLED") return [message(DeliveryCancelled, { ...about, result: "SUCCESS" })];
        return [message(DeliveryCreated, about), ...this.#delivered()];
      case CancelDeliveryCommand.type:
        if (this.delivery === "NONE" || this.delivery === "PENDING") this.delivery = "CANCELLED";
        return [
          message(
            DeliveryCancelled,
            this.delivery === "COMPLETE"
              ? { ...about, result: "REFUSED", reason: "ALREADY_COMPLETE" }
              : { ...about, result: "SUCCESS" },
          ),
        ];
      case CompleteOrderCommand.type:
        this.#end("COMPLETE");
        return [message(OrderCompleted, { orderId })];
      case CancelOrderCommand.type:
        this.#end("CANCELLED");
        return [message(OrderCancelled, { orderId, reason: "CANCELLED_BY_CUSTOMER" })];
      default:
        throw new Error(`nobody obeys ${type}`);
    }
  }

  #takeStock(): Message {
    if (this.stock === "NONE") this.stock = this.#hasStock ? "TAKEN" : "REFUSED";
    if (this.stock === "TAKEN") return message(ProductDecreased, { orderId, result: "SUCCESS" });
    const reason = this.stock === "REFUSED" ? "OUT_OF_STOCK" : "ALREADY_RETURNED";
    return message(ProductDecreased, { orderId, result: "FAILURE", reason });
  }

  #delivered(): readonly Message[] {
    if (this.delivery === "COMPLETE")
      return [message(DeliveryCompleted, { ...about, riderId, completedAt: "2026-01-01T00:00:00.000Z" })];
    if (this.delivery === "FAILED") return [message(DeliveryFailed, { ...about, reason: "nobody at home" })];
    return [];
  }

  #end(how: "COMPLETE" | "CANCELLED"): void {
    if (this.order !== "PENDING" && this.order !== how)
      this.wrongs.push(`the order is ${this.order} and was to be ${how}`);
    this.order = how;
    if (how === "COMPLETE" && this.delivery !== "COMPLETE")
      this.wrongs.push(`the order was to be COMPLETE while its delivery is ${this.delivery}`);
    if (how === "CANCELLED" && this.stock === "TAKEN") this.wrongs.push("the order was cancelled while it holds stock");
  }
}
