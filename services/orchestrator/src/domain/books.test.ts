import { describe, expect, test } from "bun:test";
import { type AskedSaga, type AuditReports, disagreements } from "./books.ts";

const orderId = "01939e6a-7c00-7000-8000-000000000001";
const items = [{ productId: "01939e6a-7c00-7000-8000-000000000010", quantity: 2 }];
const complete: AskedSaga = { orderId, revision: 7, rest: "COMPLETE", reason: null, items };
const cancelled: AskedSaga = { ...complete, rest: "CANCELLED", reason: "DELIVERY_FAILED" };
const waiting: AskedSaga = { ...complete, rest: "WAITING_FOR_RIDER" };

const order = (status: "PENDING" | "COMPLETE" | "CANCELLED", cancelReason: AskedSaga["reason"] = null) => ({
  orders: [{ orderId, status, cancelReason }],
});
const held = { reservations: [{ orderId, items }] };
const delivery = (status: AuditReports["deliveries"][number]["status"]) => ({ deliveries: [{ orderId, status }] });
const nothing: AuditReports = { orders: [], reservations: [], deliveries: [] };

const found = (saga: AskedSaga, told: Partial<AuditReports>) =>
  disagreements([saga], { ...nothing, ...told }).get(orderId);

describe("services that agree on an order are not reported:", () => {
  test.each<[string, AskedSaga, Partial<AuditReports>]>([
    ["complete", complete, { ...order("COMPLETE"), ...held, ...delivery("COMPLETE") }],
    ["waiting for a rider", waiting, { ...order("PENDING"), ...held, ...delivery("PENDING") }],
    ["cancelled before its delivery", cancelled, order("CANCELLED", "DELIVERY_FAILED")],
    [
      "cancelled after its delivery failed",
      cancelled,
      { ...order("CANCELLED", "DELIVERY_FAILED"), ...delivery("FAILED") },
    ],
  ])("%s", (_name, saga, told) => {
    expect(found(saga, told)).toBeUndefined();
  });
});

describe("a disagreement is told in a sentence:", () => {
  test.each<[string, AskedSaga, Partial<AuditReports>, string]>([
    [
      "an order that nobody knows",
      complete,
      { ...held, ...delivery("COMPLETE") },
      "the order is unknown to its service",
    ],
    [
      "an order that lags behind",
      complete,
      { ...order("PENDING"), ...held, ...delivery("COMPLETE") },
      "the order is PENDING",
    ],
    ["no stock", complete, { ...order("COMPLETE"), ...delivery("COMPLETE") }, "the order holds no stock"],
    [
      "other stock",
      complete,
      {
        ...order("COMPLETE"),
        ...delivery("COMPLETE"),
        reservations: [{ orderId, items: [{ productId: items[0]?.productId ?? "", quantity: 3 }] }],
      },
      "the order holds 3 of 01939e6a-7c00-7000-8000-000000000010 instead of 2 of",
    ],
    [
      "an order that has ended otherwise",
      waiting,
      { ...order("CANCELLED", "TIMED_OUT"), ...held, ...delivery("PENDING") },
      "the order is CANCELLED",
    ],
    ["no delivery", waiting, { ...order("PENDING"), ...held }, "the delivery is missing"],
    [
      "a rider of whom the saga has not heard",
      waiting,
      { ...order("PENDING"), ...held, ...delivery("COMPLETE") },
      "the delivery is COMPLETE",
    ],
    [
      "a delivery that nobody has made",
      complete,
      { ...order("COMPLETE"), ...held, ...delivery("PENDING") },
      "the delivery is PENDING",
    ],
    [
      "what was delivered and then cancelled",
      cancelled,
      { ...order("CANCELLED", "DELIVERY_FAILED"), ...delivery("COMPLETE") },
      "the delivery is COMPLETE",
    ],
    [
      "stock that was not given back",
      cancelled,
      { ...order("CANCELLED", "DELIVERY_FAILED"), ...held },
      "the order still holds 2 of",
    ],
    [
      "a delivery on its way",
      cancelled,
      { ...order("CANCELLED", "DELIVERY_FAILED"), ...delivery("PENDING") },
      "the delivery is PENDING",
    ],
    [
      "another reason",
      cancelled,
      order("CANCELLED", "TIMED_OUT"),
      "cancelled for TIMED_OUT instead of DELIVERY_FAILED",
    ],
  ])("%s", (_name, saga, told, sentence) => {
    expect(found(saga, told)).toContain(sentence);
  });
});
