import { expect, test } from "bun:test";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { createMetrics } from "@shop/runtime/metrics";
import { orderSaga } from "../sagas/order.saga.ts";
import { advance, type SagaEvent } from "./advance.ts";
import { enteredAt, sagaMetricsOf } from "./metrics.ts";
import type { SagaState } from "./state.ts";
import { sagaVersions } from "./versions.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const placedAt = Date.parse("2026-11-23T00:00:00Z");
const hex = placedAt.toString(16).padStart(12, "0");
const orderId = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000001`;
const deliveryId = "01900000-0000-7000-8000-000000000002";
const order = { orderId, customerId: deliveryId, items: [], total: 0, currency: "KRW", deliveryAddress: "Seoul" };

/** One order's saga and what is shown of it. */
function saga() {
  const metrics = createMetrics();
  let [state, now]: [SagaState<OrderSnapshot, CancelReason> | undefined, number] = [undefined, placedAt];
  function apply(event: SagaEvent): void {
    const advanced = advance(orderSaga, state, event, now, { id: deliveryId, key: orderId });
    if (advanced === null) return;
    sagaMetricsOf(metrics, sagaVersions([orderSaga])).advanced(orderSaga, state, advanced.state, event.kind, now);
    state = advanced.state;
  }
  return {
    after(ms: number) {
      now += ms;
      return this;
    },
    hears(type: string, data: object) {
      apply({ kind: "message", type, data: { ...order, ...data }, traceparent: undefined });
      return this;
    },
    wakes() {
      apply({ kind: "timer" });
      return this;
    },
    enteredAt: () => state && enteredAt(orderSaga, state),
    async shows(line: string) {
      expect((await metrics.expose()).split("\n")).toContain(line);
    },
  };
}

const waiting = () =>
  saga()
    .after(SECOND)
    .hears("OrderCreated", {})
    .after(2 * SECOND)
    .hears("ProductDecreased", { result: "SUCCESS" })
    .after(4 * SECOND)
    .hears("DeliveryCreated", { deliveryId });

test("each step's time, and the times from order to delivery and to the end, follow from the saga alone", async () => {
  const one = waiting()
    .after(8 * SECOND)
    .hears("DeliveryCompleted", { deliveryId })
    .after(16 * SECOND)
    .hears("OrderCompleted", {});
  await one.shows('saga_step_duration_seconds_sum{step="DECREASE_PRODUCT"} 2');
  await one.shows('saga_step_duration_seconds_sum{step="CREATE_DELIVERY"} 4');
  await one.shows('saga_step_duration_seconds_sum{step="WAIT_FOR_RIDER"} 8');
  await one.shows('saga_step_duration_seconds_sum{step="COMPLETE_ORDER"} 16');
  await one.shows("saga_order_to_delivery_seconds_sum 7");
  await one.shows('saga_order_to_end_seconds_sum{status="COMPLETE"} 31');
  await one.shows("saga_begun_total 1");
  await one.shows('saga_ended_total{outcome="COMPLETE"} 1');
});

test("a saga that is cancelled is counted by its reason", async () => {
  const one = waiting()
    .hears("OrderCancelRequested", { reason: "CANCELLED_BY_CUSTOMER" })
    .hears("DeliveryCancelled", { result: "SUCCESS" })
    .hears("ProductIncreased", {})
    .hears("OrderCancelled", { reason: "CANCELLED_BY_CUSTOMER" });
  await one.shows('saga_ended_total{outcome="CANCELLED_BY_CUSTOMER"} 1');
  await one.shows('saga_order_to_end_seconds_count{status="CANCELLED"} 1');
  await one.shows('saga_step_duration_seconds_count{step="CANCEL_DELIVERY"} 1');
});

test("the time in a step is that since it was entered, however often its command was sent again", async () => {
  const one = saga().hears("OrderCreated", {});
  const enteredStepAt = one.enteredAt();
  for (const ms of [5, 10, 20]) one.after(ms * SECOND).wakes();
  expect(one.enteredAt()).toBe(enteredStepAt);
  one.hears("ProductDecreased", { result: "SUCCESS" });
  await one.shows('saga_step_duration_seconds_sum{step="DECREASE_PRODUCT"} 35');
  await one.shows('saga_retries_total{step="DECREASE_PRODUCT"} 3');
});

test("the wait for a rider is measured over days, in which the delivery is asked for again and again", async () => {
  const one = waiting();
  const enteredStepAt = one.enteredAt();
  const waits = [10, 10, 20, 40, ...Array.from({ length: 60 }, () => 60)];
  for (const minutes of waits) one.after(minutes * MINUTE).wakes();
  expect(one.enteredAt()).toBe(enteredStepAt);
  const waited = waits.reduce((sum, minutes) => sum + minutes * 60, 0);
  one.hears("DeliveryCompleted", { deliveryId });
  await one.shows(`saga_step_duration_seconds_sum{step="WAIT_FOR_RIDER"} ${waited}`);
});
