import { expect, test } from "bun:test";
import { receptionInContract, receptionOf } from "@shop/service/testing/reception";
import { productService } from "../service.ts";

test("the product service handles exactly the messages that the contract says it receives, and reads exactly their topics", async () => {
  expect(await receptionOf(productService)).toEqual(receptionInContract(productService));
});
