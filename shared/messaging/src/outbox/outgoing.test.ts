import { expect, test } from "bun:test";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { uuidV7 } from "@shop/runtime/ids";
import { ManualClock } from "@shop/testing/clock";
import { outgoing, toOutboxRow } from "./outgoing.ts";

const orderId = uuidV7();
const clock = new ManualClock();
const data = { orderId, items: [{ productId: uuidV7(), quantity: 1 }] };

test("a message is written as what happened to whom and when, in the trace of what caused it", () => {
  const cause = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const row = toOutboxRow(outgoing(DecreaseProductCommand, orderId, data, cause), () => "an id", clock);
  expect(row).toMatchObject({
    topic: "product.commands",
    key: orderId,
    payload: { id: "an id", subject: orderId, time: "2026-01-01T00:00:00.000Z", data },
  });
  expect(row.payload.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
});

test("a message whose data breaks its own schema is not written: nobody could read it", () => {
  const ofNone = { orderId, items: [{ productId: uuidV7(), quantity: 0 }] };
  const message = outgoing(DecreaseProductCommand, orderId, ofNone, undefined);
  expect(() => toOutboxRow(message, uuidV7, clock)).toThrow("quantity");
});
