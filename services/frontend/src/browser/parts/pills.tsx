import type { Delivery } from "@shop/contracts/http/delivery";
import type { Order } from "@shop/contracts/http/order";
import type { SagaStatus } from "@shop/contracts/http/saga";
import { useApp } from "../app-state.ts";

const DELIVERY_TONES = { PENDING: "busy", COMPLETE: "good", CANCELLED: "", FAILED: "bad" } as const;
const ORDER_TONES = { PENDING: "busy", COMPLETE: "good", CANCELLED: "bad" } as const;

/** Where an order is, in a word. */
export function OrderPill({ order: { status, progress } }: { readonly order: Order }) {
  const { texts } = useApp();
  const text = status === "PENDING" ? texts.progress[progress] : texts.orderStatus[status];
  return <span class={`pill ${ORDER_TONES[status]}`}>{text}</span>;
}

/** Where a delivery is, in a word. */
export function DeliveryPill({ delivery: { status, riderId } }: { readonly delivery: Delivery }) {
  const { texts } = useApp();
  const isOnItsWay = status === "PENDING" && riderId !== null;
  const text = isOnItsWay ? texts.admin.onItsWay : texts.deliveryStatus[status];
  return <span class={`pill ${isOnItsWay ? "good" : DELIVERY_TONES[status]}`}>{text}</span>;
}

const SAGA_TONES = { RUNNING: "busy", COMPENSATING: "warn", STUCK: "bad", COMPLETE: "good", CANCELLED: "" } as const;

/** How a saga stands, in a word. */
export function SagaPill({ status }: { readonly status: SagaStatus }) {
  const { texts } = useApp();
  return <span class={`pill ${SAGA_TONES[status]}`}>{texts.sagaStatus[status]}</span>;
}
