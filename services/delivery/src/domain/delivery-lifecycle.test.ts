import { describe, expect, test } from "bun:test";
import { claim, complete, type DeliveryState, fail, release, type RiderDecision } from "./delivery-lifecycle.ts";

const mine = "rider-1";
const now = new Date(0);
const deliveryStates = {
  waiting: { status: "PENDING", riderId: null },
  "claimed by me": { status: "PENDING", riderId: mine },
  "claimed by another": { status: "PENDING", riderId: "rider-2" },
  "completed by me": { status: "COMPLETE", riderId: mine, completedAt: new Date(-1) },
  "completed by another": { status: "COMPLETE", riderId: "rider-2", completedAt: new Date(-1) },
  "failed by me": { status: "FAILED", riderId: mine, failReason: "nobody home" },
  "failed by another": { status: "FAILED", riderId: "rider-2", failReason: "nobody home" },
  cancelled: { status: "CANCELLED", riderId: null },
  "cancelled after my claim": { status: "CANCELLED", riderId: mine },
} as const satisfies Record<string, DeliveryState>;
type Name = keyof typeof deliveryStates;

/** What comes of a wish for each state, in a word. */
function outcomes(wish: (delivery: DeliveryState) => RiderDecision): Record<Name, string> {
  const words = Object.entries(deliveryStates).map(([name, state]) => {
    const decision = wish(state);
    return [name, decision.kind === "refused" ? decision.code : decision.kind];
  });
  return Object.fromEntries(words);
}

const ended = {
  "completed by me": "DELIVERY_ENDED",
  "completed by another": "DELIVERY_ENDED",
  "failed by me": "DELIVERY_ENDED",
  "failed by another": "DELIVERY_ENDED",
  cancelled: "DELIVERY_ENDED",
  "cancelled after my claim": "DELIVERY_ENDED",
} as const;

test("a rider claims what waits, again without effect, but neither another's nor what has ended", () => {
  expect(outcomes((delivery) => claim(delivery, mine))).toEqual({
    waiting: "changed",
    "claimed by me": "unchanged",
    "claimed by another": "DELIVERY_TAKEN",
    ...ended,
  });
});

describe("a claim is released", () => {
  test("by its rider, again without effect, but not by another", () => {
    expect(outcomes((delivery) => release(delivery, { riderId: mine }))).toEqual({
      waiting: "unchanged",
      "claimed by me": "changed",
      "claimed by another": "DELIVERY_TAKEN",
      ...ended,
    });
  });

  test("by an admin, whoever has it", () => {
    expect(outcomes((delivery) => release(delivery, "anyones"))).toEqual({
      waiting: "unchanged",
      "claimed by me": "changed",
      "claimed by another": "changed",
      ...ended,
    });
  });
});

test("a rider completes their own or an unclaimed one, again without effect, and nothing else", () => {
  expect(outcomes((delivery) => complete(delivery, mine, now))).toEqual({
    ...ended,
    waiting: "changed",
    "claimed by me": "changed",
    "claimed by another": "DELIVERY_TAKEN",
    "completed by me": "unchanged",
    "completed by another": "DELIVERY_TAKEN",
  });
  const after = { status: "COMPLETE", riderId: mine, completedAt: now } as const;
  expect(complete(deliveryStates.waiting, mine, now)).toEqual({ kind: "changed", after });
});

test("a rider gives up only what they have claimed, again without effect", () => {
  expect(outcomes((delivery) => fail(delivery, mine, "nobody home"))).toEqual({
    ...ended,
    waiting: "DELIVERY_NOT_YOURS",
    "claimed by me": "changed",
    "claimed by another": "DELIVERY_TAKEN",
    "failed by me": "unchanged",
    "failed by another": "DELIVERY_TAKEN",
  });
});
