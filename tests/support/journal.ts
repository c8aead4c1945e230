import type { Answer, ShopClient } from "@shop/local/demo/shop-client";
import { expect } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { seeded } from "./seeded.ts";
import { deliveryAddress } from "./test-system.ts";

/** What clients did and what they were told, to be held against what became of it. */
export interface Journal {
  /** Orders that were answered with 201. */
  readonly placed: string[];
  /** Orders whose delivery's completion was answered with 200. */
  readonly completed: string[];
  /** Orders whose cancel was answered with 202. */
  readonly cancelRequested: string[];
  /** Calls that were answered with 5xx or not at all. */
  failures: number;
}

export interface LoadOptions {
  readonly customers: readonly ShopClient[];
  readonly rider: ShopClient;
  readonly productIds: readonly string[];
  readonly orders: number;
  readonly inFlight: number;
  /** The part of the orders that their customers cancel, and the part that the rider completes. */
  readonly cancelled: number;
  readonly completed: number;
  /** Repeats what every run with this seed does. */
  readonly seed: number;
  /** Told after each order, so that a fault can come at a certain one. */
  readonly onPlaced?: (count: number) => void;
}

/**
 * Customers place orders, cancel some, and a rider completes some, while faults happen around them. Like any good client they repeat a call
 * that failed: an order with the same idempotency key.
 */
export async function runLoad({
  customers,
  rider,
  productIds,
  orders,
  inFlight,
  cancelled,
  completed,
  seed,
  onPlaced,
}: LoadOptions): Promise<Journal> {
  const journal: Journal = { placed: [], completed: [], cancelRequested: [], failures: 0 };
  const random = seeded(seed);
  const plans = Array.from({ length: orders }, (_, index) => ({
    customer: customers[index % customers.length] as ShopClient,
    productId: productIds[Math.floor(random() * productIds.length)] as string,
    quantity: 1 + Math.floor(random() * 3),
    fate: random(),
  }));

  /** Repeats a call until it is answered with something else than 5xx or 429. */
  async function insist(call: () => Promise<Answer>): Promise<Answer> {
    return eventually(
      async () => {
        try {
          const answer = await call();
          if (answer.status < 500 && answer.status !== 429) return answer;
          throw new Error(`answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
        } catch (error) {
          journal.failures += 1;
          throw error;
        }
      },
      { deadlineMs: 60_000, pauseMs: 50 },
    );
  }

  async function follow({ customer, productId, quantity, fate }: (typeof plans)[number]): Promise<void> {
    const key = { "idempotency-key": crypto.randomUUID() };
    const body = { items: [{ productId, quantity }], deliveryAddress };
    const placed = await insist(() => customer.call("POST", "/api/orders", body, key));
    expect(placed.status).toBe(201);
    const orderId = String(placed.body["id"]);
    journal.placed.push(orderId);
    onPlaced?.(journal.placed.length);
    if (fate < cancelled) {
      const { status } = await insist(() => customer.call("POST", `/api/orders/${orderId}/cancel`));
      if (status === 202) journal.cancelRequested.push(orderId);
    } else if (fate < cancelled + completed) {
      const deliveryId = await eventually(
        async () => {
          const { body: list } = await insist(() => rider.call("GET", `/api/deliveries?orderId=${orderId}`));
          const [delivery] = list["items"] as readonly { id: string }[];
          if (delivery !== undefined) return delivery.id;
          const { body: order } = await insist(() => customer.call("GET", `/api/orders/${orderId}`));
          if (order["status"] === "CANCELLED") return undefined;
          throw new Error(`order ${orderId} has no delivery yet, and is ${String(order["progress"])}`);
        },
        { deadlineMs: 60_000, pauseMs: 50 },
      );
      if (deliveryId === undefined) return;
      const { status } = await insist(() => rider.call("PUT", `/api/deliveries/${deliveryId}/complete`));
      if (status === 200) journal.completed.push(orderId);
    }
  }

  let next = 0;
  const worker = async () => {
    for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) await follow(plan);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return journal;
}

/** Holds the journal against what the customers see now: an answer that was given is never taken back. */
export async function expectKept({ placed, completed, cancelRequested }: Journal, admin: ShopClient): Promise<void> {
  const statusOf = new Map<string, unknown>();
  let cursor = "";
  do {
    const { body } = await admin.call("GET", `/api/orders?limit=100${cursor}`);
    for (const { id, status } of body["items"] as readonly { id: string; status: string }[]) statusOf.set(id, status);
    const next = body["nextCursor"] as string | null;
    cursor = next === null ? "" : `&cursor=${next}`;
  } while (cursor !== "");
  expect(placed.filter((id) => !statusOf.has(id))).toEqual([]);
  expect(completed.filter((id) => statusOf.get(id) !== "COMPLETE")).toEqual([]);
  expect(cancelRequested.filter((id) => statusOf.get(id) === "PENDING")).toEqual([]);
}
