import { expect, test } from "bun:test";
import { OrderProgress, OrderWaiting } from "@shop/contracts/http/order";
import { waitingOf } from "./waiting.ts";

const since = new Date("2026-11-23T04:05:06.789Z");

test("an order says in words what it waits for, and until when if there is an end to it", () => {
  expect(waitingOf("CREATED", since)).toEqual({ for: "the shop's stock", until: "2026-11-23T04:15:06.789Z" });
  expect(waitingOf("STOCK_TAKEN", since)?.until).toBe("2026-11-23T04:15:06.789Z");
  expect(waitingOf("WAITING_FOR_RIDER", since)).toEqual({ for: "a rider", until: null });
  for (const progress of OrderProgress.options) {
    const waiting = waitingOf(progress, since);
    if (progress === "COMPLETE" || progress === "CANCELLED") expect(waiting).toBeNull();
    else expect(OrderWaiting.parse(waiting)).toEqual(waiting as OrderWaiting);
  }
});
