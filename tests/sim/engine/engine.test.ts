import { DeliveryCancelled, DeliveryCompleted } from "@shop/contracts/messages/delivery";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { ProductDecreased } from "@shop/contracts/messages/product";
import { type SagaDefinition, succeeded, when } from "@shop/orchestrator-service/saga/definition";
import { orderSaga } from "@shop/orchestrator-service/sagas/order.saga";
import { expect, setDefaultTimeout, test } from "bun:test";
import { playOrder } from "./engine.ts";

setDefaultTimeout(240_000);

const SEEDS = 20_000;

function firstWrong(definition?: SagaDefinition<OrderSnapshot, CancelReason>): string | undefined {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const verdict = playOrder(seed, definition);
    if (verdict) return [`seed ${seed}`, ...verdict.wrongs, ...verdict.trace].join("\n");
  }
  return undefined;
}

test(`an order comes to a rightful end, whatever is late, lost or repeated, and whoever acts when: ${SEEDS} seeds`, () => {
  expect(firstWrong()).toBeUndefined();
});

const [takeStock, createDelivery] = orderSaga.compensatable;
if (takeStock === undefined || createDelivery === undefined) throw new Error("the saga has two compensatable steps");

const BROKEN: readonly (readonly [string, SagaDefinition<OrderSnapshot, CancelReason>, RegExp])[] = [
  [
    "goes on cancelling after the rider was first",
    {
      ...orderSaga,
      compensatable: [
        takeStock,
        {
          ...createDelivery,
          compensation: {
            ...createDelivery.compensation,
            replies: [when(DeliveryCancelled, succeeded), when(DeliveryCompleted, succeeded)],
          },
        },
      ],
    },
    /do not agree/,
  ],
  ["takes no stock", { ...orderSaga, compensatable: [createDelivery] }, /do not agree|come to rest/],
  [
    "takes a refusal for a success",
    { ...orderSaga, compensatable: [{ ...takeStock, replies: [when(ProductDecreased, succeeded)] }, createDelivery] },
    /do not agree/,
  ],
  [
    "never asks again while it waits for the rider",
    { ...orderSaga, pivot: { ...orderSaga.pivot, remind: takeStock.send } },
    /come to rest|do not agree/,
  ],
];

test.each(BROKEN)("a saga that %s is found out", (_what, definition, wrong) => {
  expect(firstWrong(definition)).toMatch(wrong);
});
