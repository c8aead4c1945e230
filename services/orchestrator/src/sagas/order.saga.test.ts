import { describe, expect, test } from "bun:test";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
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
import type { CancelReason } from "@shop/contracts/primitives";
import { advance } from "../saga/advance.ts";
import type { SagaState } from "../saga/state.ts";
import { orderSaga } from "./order.saga.ts";

const orderId = "01900000-0000-7000-8000-000000000001";
const deliveryId = "01900000-0000-7000-8000-000000000002";
const riderId = "01900000-0000-7000-8000-000000000003";
const order = {
  orderId,
  customerId: "01900000-0000-7000-8000-000000000004",
  items: [{ productId: "01900000-0000-7000-8000-000000000005", quantity: 2 }],
  total: 2_000,
  currency: "KRW" as const,
  deliveryAddress: "1 Sejong-daero, Seoul",
};
const completedAt = "2026-11-23T00:00:00.000Z";
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** One order's saga: messages and time go in, the types of the commands come out. */
class Saga {
  state: SagaState<OrderSnapshot, CancelReason> | undefined;
  now = Date.parse("2026-11-23T00:00:00Z");
  lastCommand: { readonly definition: MessageDefinition; readonly data: unknown } | undefined;

  hears<Definition extends MessageDefinition>(definition: Definition, data: DataOf<Definition>): readonly string[] {
    return this.#apply({
      kind: "message",
      type: definition.type,
      data: definition.data.parse(data),
      traceparent: undefined,
    });
  }

  after(ms: number): readonly string[] {
    this.now += ms;
    return this.#apply({ kind: "timer" });
  }

  #apply(event: Parameters<typeof advance>[2]): readonly string[] {
    const advanced = advance(orderSaga, this.state, event, this.now, { id: "saga", key: orderId });
    if (advanced === null) return [];
    this.state = advanced.state;
    for (const { definition, data } of advanced.send) expect(definition.data.safeParse(data).success).toBe(true);
    this.lastCommand = advanced.send.at(-1) ?? this.lastCommand;
    return advanced.send.map(({ definition }) => definition.type);
  }
}

const begun = () => {
  const saga = new Saga();
  saga.hears(OrderCreated, order);
  return saga;
};
const withStock = () => {
  const saga = begun();
  saga.hears(ProductDecreased, { orderId, result: "SUCCESS" });
  return saga;
};
const waitingForRider = () => {
  const saga = withStock();
  saga.hears(DeliveryCreated, { orderId, deliveryId });
  return saga;
};
const cancelRequest = { ...order, reason: "CANCELLED_BY_CUSTOMER" as const };

describe("the order saga", () => {
  test("an order that goes well: stock, delivery, rider, complete", () => {
    const saga = new Saga();
    expect(saga.hears(OrderCreated, order)).toEqual([DecreaseProductCommand.type]);
    expect(saga.hears(ProductDecreased, { orderId, result: "SUCCESS" })).toEqual([CreateDeliveryCommand.type]);
    expect(saga.hears(DeliveryCreated, { orderId, deliveryId })).toEqual([]);
    expect(saga.state).toMatchObject({ status: "RUNNING", step: "WAIT_FOR_RIDER", deadline: null });
    expect(saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt })).toEqual([
      CompleteOrderCommand.type,
    ]);
    expect(saga.hears(OrderCompleted, { orderId })).toEqual([]);
    expect(saga.state).toMatchObject({ status: "COMPLETE", nextAttemptAt: null });
  });

  test("stock that falls short cancels the order, and nothing is given back since nothing was taken", () => {
    const saga = begun();
    expect(saga.hears(ProductDecreased, { orderId, result: "FAILURE", reason: "OUT_OF_STOCK" })).toEqual([
      CancelOrderCommand.type,
    ]);
    expect(saga.lastCommand?.data).toEqual({ orderId, reason: "OUT_OF_STOCK" });
    expect(saga.hears(OrderCancelled, { orderId, reason: "OUT_OF_STOCK" })).toEqual([]);
    expect(saga.state).toMatchObject({ status: "CANCELLED", reason: "OUT_OF_STOCK" });
  });

  test("a failed delivery gives the stock back and cancels the order; a delivery that has failed is not cancelled as well", () => {
    const saga = waitingForRider();
    expect(saga.hears(DeliveryFailed, { orderId, deliveryId, reason: "nobody at home" })).toEqual([
      IncreaseProductCommand.type,
    ]);
    expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
    expect(saga.lastCommand?.data).toEqual({ orderId, reason: "DELIVERY_FAILED" });
  });

  test("a customer who cancels while the order waits for a rider: delivery, stock and order are compensated, in reverse order", () => {
    const saga = waitingForRider();
    expect(saga.hears(OrderCancelRequested, cancelRequest)).toEqual([CancelDeliveryCommand.type]);
    expect(saga.hears(DeliveryCancelled, { orderId, deliveryId, result: "SUCCESS" })).toEqual([
      IncreaseProductCommand.type,
    ]);
    expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
    saga.hears(OrderCancelled, { orderId, reason: "CANCELLED_BY_CUSTOMER" });
    expect(saga.state).toMatchObject({ status: "CANCELLED", reason: "CANCELLED_BY_CUSTOMER" });
  });

  test("a cancel while stock is being taken compensates the step whose answer is not there yet", () => {
    const saga = begun();
    expect(saga.hears(OrderCancelRequested, cancelRequest)).toEqual([IncreaseProductCommand.type]);
    expect(saga.hears(ProductDecreased, { orderId, result: "SUCCESS" })).toEqual([]);
    expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
  });

  test("a cancel while the delivery is being created compensates both steps", () => {
    const saga = withStock();
    expect(saga.hears(OrderCancelRequested, cancelRequest)).toEqual([CancelDeliveryCommand.type]);
    expect(saga.hears(DeliveryCreated, { orderId, deliveryId })).toEqual([]);
    expect(saga.hears(DeliveryCancelled, { orderId, deliveryId, result: "SUCCESS" })).toEqual([
      IncreaseProductCommand.type,
    ]);
  });

  test("a rider who was first wins over a cancel: a refused cancel goes on to complete", () => {
    const saga = waitingForRider();
    saga.hears(OrderCancelRequested, cancelRequest);
    const refusal = { orderId, deliveryId, result: "REFUSED", reason: "ALREADY_COMPLETE" } as const;
    expect(saga.hears(DeliveryCancelled, refusal)).toEqual([CompleteOrderCommand.type]);
    expect(saga.state).toMatchObject({ status: "RUNNING", step: "COMPLETE_ORDER", reason: null });
    saga.hears(OrderCompleted, { orderId });
    expect(saga.state?.status).toBe("COMPLETE");
  });

  test("the rider's message that overtakes the refused cancel completes the order once", () => {
    const saga = waitingForRider();
    saga.hears(OrderCancelRequested, cancelRequest);
    expect(saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt })).toEqual([
      CompleteOrderCommand.type,
    ]);
    expect(
      saga.hears(DeliveryCancelled, { orderId, deliveryId, result: "REFUSED", reason: "ALREADY_COMPLETE" }),
    ).toEqual([]);
  });

  test("a delivery that fails while it is being cancelled counts as cancelled", () => {
    const saga = waitingForRider();
    saga.hears(OrderCancelRequested, cancelRequest);
    expect(saga.hears(DeliveryFailed, { orderId, deliveryId, reason: "flat tyre" })).toEqual([
      IncreaseProductCommand.type,
    ]);
    expect(saga.state?.reason).toBe("CANCELLED_BY_CUSTOMER");
  });

  test("a cancel after the rider completed changes nothing", () => {
    const saga = waitingForRider();
    saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt });
    expect(saga.hears(OrderCancelRequested, cancelRequest)).toEqual([]);
    expect(saga.state?.step).toBe("COMPLETE_ORDER");
  });

  test("a rider who completes before the saga has heard of the delivery completes the order", () => {
    const saga = withStock();
    expect(saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt })).toEqual([
      CompleteOrderCommand.type,
    ]);
    expect(saga.hears(DeliveryCreated, { orderId, deliveryId })).toEqual([]);
  });

  test("a cancel that comes before its order cancels it, and the order that comes later starts nothing", () => {
    const saga = new Saga();
    expect(saga.hears(OrderCancelRequested, cancelRequest)).toEqual([CancelOrderCommand.type]);
    expect(saga.hears(OrderCreated, order)).toEqual([]);
  });

  test("messages about an order that the saga does not know change nothing", () => {
    const saga = new Saga();
    expect(saga.hears(ProductDecreased, { orderId, result: "SUCCESS" })).toEqual([]);
    expect(saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt })).toEqual([]);
    expect(saga.state).toBeUndefined();
  });

  test("every message a second time changes nothing", () => {
    const saga = new Saga();
    const twice = <Definition extends MessageDefinition>(definition: Definition, data: DataOf<Definition>) => {
      saga.hears(definition, data);
      const before = saga.state;
      expect(saga.hears(definition, data)).toEqual([]);
      expect(saga.state).toEqual(before);
    };
    twice(OrderCreated, order);
    twice(ProductDecreased, { orderId, result: "SUCCESS" });
    twice(DeliveryCreated, { orderId, deliveryId });
    twice(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt });
    twice(OrderCompleted, { orderId });
  });
});

describe("a saga that was set back to an older state", () => {
  const cancelledDelivery = { orderId, deliveryId, result: "SUCCESS" } as const;

  test.each([
    ["takes its stock", begun],
    ["has its delivery created", withStock],
    ["waits for its rider", waitingForRider],
  ])(
    "and %s is compensated when it hears that its delivery was cancelled, for the reason that the order has",
    (_, at) => {
      const saga = at();
      expect(saga.hears(DeliveryCancelled, cancelledDelivery)).toEqual([IncreaseProductCommand.type]);
      expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
      saga.hears(OrderCancelled, { orderId, reason: "CANCELLED_BY_ADMIN" });
      expect(saga.state).toMatchObject({ status: "CANCELLED", reason: "CANCELLED_BY_ADMIN", nextAttemptAt: null });
    },
  );

  test("and hears that its stock was given back compensates all that it has begun since", () => {
    const saga = withStock();
    expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelDeliveryCommand.type]);
    expect(saga.hears(DeliveryCancelled, cancelledDelivery)).toEqual([IncreaseProductCommand.type]);
    expect(begun().hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
  });

  test("and takes the stock anew ends for the reason that the order has", () => {
    const saga = begun();
    saga.hears(ProductDecreased, { orderId, result: "FAILURE", reason: "ALREADY_RETURNED" });
    saga.hears(OrderCancelled, { orderId, reason: "DELIVERY_FAILED" });
    expect(saga.state).toMatchObject({ status: "CANCELLED", reason: "DELIVERY_FAILED" });
  });

  test("is not compensated once its order was delivered", () => {
    const saga = waitingForRider();
    saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt });
    expect([saga.hears(DeliveryCancelled, cancelledDelivery), saga.hears(ProductIncreased, { orderId })]).toEqual([
      [],
      [],
    ]);
    expect(saga.state).toMatchObject({ status: "RUNNING", step: "COMPLETE_ORDER" });
  });
});

describe("a participant that does not answer", () => {
  test("is asked again, with growing pauses", () => {
    const saga = begun();
    expect(saga.after(4 * SECOND)).toEqual([]);
    expect(saga.after(1 * SECOND)).toEqual([DecreaseProductCommand.type]);
    expect(saga.after(9 * SECOND)).toEqual([]);
    expect(saga.after(1 * SECOND)).toEqual([DecreaseProductCommand.type]);
    expect(saga.state?.attempts).toBe(3);
  });

  test("however often it is asked again, the deadline stays where it was, and then the order is cancelled", () => {
    const saga = begun();
    const begunAt = saga.now;
    const sent: string[] = [];
    while (saga.state?.status === "RUNNING" && saga.now < begunAt + 60 * MINUTE)
      sent.push(...saga.after(Number(saga.state.nextAttemptAt) - saga.now));
    expect(sent.length).toBeGreaterThan(5);
    expect([sent.at(-1), saga.state?.reason]).toEqual([IncreaseProductCommand.type, "TIMED_OUT"]);
    expect(saga.now - begunAt).toBeGreaterThanOrEqual(10 * MINUTE);
    expect(saga.now - begunAt).toBeLessThanOrEqual(11 * MINUTE);
  });

  test("past the deadline before the pivot the order is cancelled, the unanswered step included", () => {
    const saga = withStock();
    expect(saga.after(10 * MINUTE)).toEqual([CancelDeliveryCommand.type]);
    saga.hears(DeliveryCancelled, { orderId, deliveryId, result: "SUCCESS" });
    saga.hears(ProductIncreased, { orderId });
    expect(saga.lastCommand?.data).toEqual({ orderId, reason: "TIMED_OUT" });
  });

  test("past the deadline of a compensation the saga is stuck, still asks, and goes on when it is answered", () => {
    const saga = begun();
    saga.hears(OrderCancelRequested, cancelRequest);
    expect(saga.after(10 * MINUTE)).toEqual([IncreaseProductCommand.type]);
    expect(saga.state?.stuckSince).toBe(saga.now);
    expect(saga.after(1 * MINUTE)).toEqual([IncreaseProductCommand.type]);
    expect(saga.hears(ProductIncreased, { orderId })).toEqual([CancelOrderCommand.type]);
    expect(saga.state?.stuckSince).toBeNull();
  });

  test("past the deadline behind the pivot the saga is stuck and never compensates", () => {
    const saga = waitingForRider();
    saga.hears(DeliveryCompleted, { orderId, deliveryId, riderId, completedAt });
    expect(saga.after(60 * MINUTE)).toEqual([CompleteOrderCommand.type]);
    expect(saga.state).toMatchObject({ status: "RUNNING", step: "COMPLETE_ORDER", stuckSince: saga.now });
    saga.hears(OrderCompleted, { orderId });
    expect(saga.state).toMatchObject({ status: "COMPLETE", stuckSince: null, deadline: null });
  });

  test("waiting for the rider has no deadline; the delivery is asked for again from time to time", () => {
    const saga = waitingForRider();
    expect(saga.after(9 * MINUTE)).toEqual([]);
    expect(saga.after(1 * MINUTE)).toEqual([CreateDeliveryCommand.type]);
    for (let day = 0; day < 30; day += 1) saga.after(24 * 60 * MINUTE);
    expect(saga.state).toMatchObject({ status: "RUNNING", step: "WAIT_FOR_RIDER", stuckSince: null });
  });
});
