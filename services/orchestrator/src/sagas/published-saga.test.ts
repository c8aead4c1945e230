import { expect, test } from "bun:test";
import {
  DeliveriesReported,
  ReportDeliveriesCommand,
  ReportReservationsCommand,
  ReservationsReported,
} from "@shop/contracts/messages/audit";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { orderSaga as published } from "@shop/contracts/order-saga";
import { orderSagaVersions } from "./registry.ts";
import { command, type CompensatableStep, refused, succeeded, when } from "../saga/definition.ts";
import { sagaVersions } from "../saga/versions.ts";
import { publishedSaga } from "../testing/published-saga.ts";
import { orderSaga } from "./order.saga.ts";

test("what is published of the saga is what its definitions say; if not, run `bun run generate:saga`", () => {
  expect<object>(published).toEqual(publishedSaga(orderSagaVersions));
});

const retryPolicy = { firstMs: 1_000, maxMs: 5_000, deadlineMs: 60_000 };
const insuring: CompensatableStep<OrderSnapshot, CancelReason> = {
  ...{ name: "INSURE", waitsFor: "an insurance", milestone: "INSURED", retryPolicy },
  send: command(ReportReservationsCommand, ({ orderId }) => ({ auditId: orderId, orderIds: [orderId] })),
  replies: [when(ReservationsReported, succeeded)],
  compensation: {
    ...{ name: "END_INSURANCE", milestone: "INSURANCE_ENDED", retryPolicy },
    send: command(ReportDeliveriesCommand, ({ orderId }) => ({ auditId: orderId, orderIds: [orderId] })),
    replies: [when(DeliveriesReported, succeeded)],
  },
};
const [first, ...others] = orderSaga.compensatable;
const withStep = (step: CompensatableStep<OrderSnapshot, CancelReason>, version: number) => ({
  ...{ ...orderSaga, version },
  compensatable: [...(first ? [first] : []), step, ...others],
});

test("a step that is added to the definition appears in the steps, the customer's milestones, the waits and the events", () => {
  const saga = publishedSaga(sagaVersions([orderSaga, withStep(insuring, 2)]));
  expect([saga.version, saga.knownVersions]).toEqual([2, [1, 2]]);
  expect(saga.forward.map(({ name }) => name).slice(0, 3)).toEqual(["DECREASE_PRODUCT", "INSURE", "CREATE_DELIVERY"]);
  expect(saga.backward.map(({ name }) => name).slice(0, 3)).toEqual([
    ...["CANCEL_DELIVERY", "END_INSURANCE", "INCREASE_PRODUCT"],
  ]);
  expect(saga.progress.slice(0, 4)).toEqual(["CREATED", "STOCK_TAKEN", "INSURED", "WAITING_FOR_RIDER"]);
  expect(saga.milestones).toContain("INSURANCE_ENDED");
  expect(saga.meanings["STOCK_TAKEN"]).toEqual({
    progress: "STOCK_TAKEN",
    saga: { status: "RUNNING", step: "INSURE" },
  });
  expect(saga.meanings["INSURANCE_ENDED"]?.saga).toEqual({ status: "COMPENSATING", step: "INCREASE_PRODUCT" });
  expect(saga.waits["STOCK_TAKEN"]).toEqual({ for: "an insurance", deadlineMs: 60_000 });
  expect(saga.events["ReservationsReported"]).toBe("INSURED");
});

test("what only an older version has stays published, in its place, until that version is gone", () => {
  const saga = publishedSaga(sagaVersions([withStep(insuring, 1), { ...orderSaga, version: 2 }]));
  expect(saga.forward.map(({ name }) => name)).not.toContain("INSURE");
  expect(saga.steps).toContain("END_INSURANCE");
  expect(saga.progress.slice(0, 4)).toEqual(["CREATED", "STOCK_TAKEN", "INSURED", "WAITING_FOR_RIDER"]);
  expect(saga.events["DeliveriesReported"]).toBe("INSURANCE_ENDED");
});

test("a step that can be refused has to say what its customer is shown then", () => {
  const choosy = { ...insuring, replies: [when(ReservationsReported, () => refused("OUT_OF_STOCK"))] };
  expect(() => publishedSaga(sagaVersions([orderSaga, withStep(choosy, 2)]))).toThrow(
    "ReservationsReported can refuse INSURE, which names no refusedMilestone",
  );
});
