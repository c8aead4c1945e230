import { expect, test } from "bun:test";
import { receptionInContract, receptionOf } from "@shop/service/testing/reception";
import { orderService } from "../service.ts";

test("the order service handles exactly the messages that the contract says it receives, and reads exactly their topics", async () => {
  expect(await receptionOf(orderService)).toEqual(receptionInContract(orderService));
});
