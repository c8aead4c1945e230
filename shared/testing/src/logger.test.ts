import { expect, test } from "bun:test";
import { capturedLogger } from "./logger.ts";

test("lines are kept with their level, their fields and those of the logger they were written to", () => {
  const { logger, lines } = capturedLogger();
  logger.with({ orderId: "1" }).warn("STOCK_LOW", "the stock is low", { left: 2 });
  expect(lines).toEqual([
    expect.objectContaining({ level: "warn", event: "STOCK_LOW", message: "the stock is low", orderId: "1", left: 2 }),
  ]);
});
