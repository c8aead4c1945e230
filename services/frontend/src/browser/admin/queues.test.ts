import { expect, test } from "bun:test";
import type { DeadLetter } from "@shop/contracts/http/dead-letter";
import { queuesOf } from "./queues.ts";

const letter = (id: string, facts: Partial<DeadLetter>): DeadLetter => ({
  ...{ id, service: "product", cause: "PARKED", detail: "", type: null, messageId: null, topic: "product.commands" },
  ...{ partition: 0, offset: id, key: "a", payload: null, headers: {}, failedAt: "", replayedAt: null },
  ...facts,
});

test("parked messages stand behind the one of their key and service that they wait for, in the order in which they came", () => {
  const letters = [
    letter("9", { key: "b" }),
    letter("8", {}),
    letter("7", { service: "order" }),
    letter("6", {}),
    letter("5", { cause: "NOT_JSON", key: null }),
    letter("4", { replayedAt: "then" }),
    letter("3", { cause: "HANDLER_FAILED" }),
    letter("2", { cause: "HANDLER_FAILED", service: "order", replayedAt: "then" }),
  ];
  const seen = queuesOf(letters).map(({ head, parked }) => [head.id, ...parked.map(({ id }) => id)].join(" < "));
  expect(seen).toEqual(["9", "7", "5", "4", "3 < 6 < 8", "2"]);
});
