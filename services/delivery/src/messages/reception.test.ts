import { expect, test } from "bun:test";
import { receptionInContract, receptionOf } from "@shop/service/testing/reception";
import { deliveryService } from "../service.ts";

test("the delivery service handles exactly the messages that the contract says it receives, and reads exactly their topics", async () => {
  expect(await receptionOf(deliveryService)).toEqual(receptionInContract(deliveryService));
});
