import { expect, test } from "bun:test";
import type { DeadLetter } from "@shop/contracts/http/dead-letter";
import { queuesOf } from "./queues.ts";

const deadLetter = (id: string, facts: Partial<DeadLetter>): DeadLetter => ({
  ...{ id, service: "product", cause: "PARKED", detail: "", type: null, messageId: null, topic: "product.commands" },
  ...{ partition: 0, offset: id, key: "a", payload: null, headers: {}, failedAt: "", replayedAt: null },
  ...facts,
});

test("parked messages stand behind the one of their key and service that they wait for, in the order in which they came", () => {
  const deadLetters = [
    deadLetter("9", { key: "b" }),
    deadLetter("8", {}),
    deadLetter("7", { service: "order" }),
    deadLetter("6", {}),
    deadLetter("5", { cause: "NOT_JSON", key: null }),
    deadLetter("4", { replayedAt: "then" }),
    deadLetter("3", { cause: "HANDLER_FAILED" }),
    deadLetter("2", { cause: "HANDLER_FAILED", service: "order", replayedAt: "then" }),
  ];
  const seen = queuesOf(deadLetters).map(({ head, parked }) => [head.id, ...parked.map(({ id }) => id)].join(" < "));
  expect(seen).toEqual(["9", "7", "5", "4", "3 < 6 < 8", "2"]);
});
