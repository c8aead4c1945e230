import { expect, test } from "bun:test";
import { backgroundDuringOutage } from "@shop/service/testing/background";
import { orderService } from "./service.ts";

test("the background work of the order service goes on, however often it finds the database away", async () => {
  const { begun, goOn } = await backgroundDuringOutage(orderService);
  expect(goOn).toBe(begun);
});
