import { expect, test } from "bun:test";
import { backgroundDuringOutage } from "@shop/service/testing/background";
import { productService } from "./service.ts";

test("the background work of the product service goes on, however often it finds the database away", async () => {
  const { begun, goOn } = await backgroundDuringOutage(productService);
  expect(goOn).toBe(begun);
});
