import { expect, test } from "bun:test";
import { createAcknowledgedOffsets } from "./acknowledged-offsets.ts";

const acknowledgement = (partition: number, firstOffset: bigint, endOffset: bigint) =>
  ({ topic: "order.events", partition, firstOffset, endOffset }) as const;
const end = (partition: number, endOffset: bigint) => ({ topic: "order.events", partition, endOffset }) as const;

test("a partition that ends where it was acknowledged, or behind it, has lost nothing", () => {
  const acknowledged = createAcknowledgedOffsets([end(0, 5n)]);
  acknowledged.add([acknowledgement(0, 5n, 7n), acknowledgement(1, 0n, 2n)]);
  expect(acknowledged.missingFrom([end(0, 7n), end(1, 9n)])).toEqual([]);
  expect(acknowledged.overwrittenBy([acknowledgement(0, 7n, 8n), acknowledgement(2, 0n, 1n)])).toEqual([]);
});

test("one record less, or no such partition any more, is a loss", () => {
  const acknowledged = createAcknowledgedOffsets([end(0, 5n), end(1, 1n)]);
  expect(acknowledged.missingFrom([end(0, 4n), end(1, 1n)])).toEqual(["order.events"]);
  expect(acknowledged.missingFrom([end(0, 5n)])).toEqual(["order.events"]);
});

test("a record where an acknowledged one stood is a loss, until the topic is forgotten", () => {
  const acknowledged = createAcknowledgedOffsets([end(0, 5n)]);
  expect(acknowledged.overwrittenBy([acknowledgement(0, 4n, 6n)])).toEqual(["order.events"]);
  acknowledged.forget(["order.events"]);
  expect(acknowledged.overwrittenBy([acknowledgement(0, 0n, 1n)])).toEqual([]);
  expect(acknowledged.topics()).toEqual([]);
});
