import { ProblemError } from "@shop/client/problem-error";
import type { Shop } from "@shop/client/shop";
import { expect } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { seeded } from "./seeded.ts";
import { placeOrder } from "./test-system.ts";

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
  readonly customers: readonly Shop[];
  readonly rider: Shop;
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
    customer: customers[index % customers.length] as Shop,
    productId: productIds[Math.floor(random() * productIds.length)] as string,
    quantity: 1 + Math.floor(random() * 3),
    fate: random(),
  }));

  /** Repeats a call until it is answered with something else than 5xx or 429. @returns undefined when it is refused for good */
  async function insist<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
    return eventually(
      async () => {
        try {
          return await call();
        } catch (error) {
          const status = error instanceof ProblemError ? error.problem.status : 0;
          if (status >= 400 && status < 500 && status !== 429) return undefined;
          journal.failures += 1;
          throw error;
        }
      },
      { deadlineMs: 60_000, pauseMs: 50 },
    );
  }

  async function follow({ customer, productId, quantity, fate }: (typeof plans)[number]): Promise<void> {
    const idempotencyKey = crypto.randomUUID();
    const placed = await insist(() => placeOrder(customer, productId, quantity, idempotencyKey));
    if (placed === undefined) throw new Error("an order was refused");
    const orderId = placed.id;
    journal.placed.push(orderId);
    onPlaced?.(journal.placed.length);
    if (fate < cancelled) {
      const asked = await insist(() => customer.cancelOrder(orderId));
      if (asked !== undefined) journal.cancelRequested.push(orderId);
    } else if (fate < cancelled + completed) {
      const deliveryId = await eventually(
        async () => {
          const [delivery] = (await insist(() => rider.listDeliveries({ orderId })))?.items ?? [];
          if (delivery !== undefined) return delivery.id;
          const order = await insist(() => customer.getOrder(orderId));
          if (order?.status === "CANCELLED") return undefined;
          throw new Error(`order ${orderId} has no delivery yet, and is ${order?.progress}`);
        },
        { deadlineMs: 60_000, pauseMs: 50 },
      );
      if (deliveryId === undefined) return;
      const completion = await insist(() => rider.completeDelivery(deliveryId));
      if (completion !== undefined) journal.completed.push(orderId);
    }
  }

  let next = 0;
  const worker = async () => {
    for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) await follow(plan);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return journal;
}

type Orders = Awaited<ReturnType<Shop["listOrders"]>>;

/** Holds the journal against what the customers see now: an answer that was given is never taken back. */
export async function expectKept({ placed, completed, cancelRequested }: Journal, admin: Shop): Promise<void> {
  const statusOf = new Map<string, unknown>();
  let cursor: string | undefined;
  do {
    const { items, nextCursor }: Orders = await admin.listOrders({ limit: 100, cursor });
    for (const { id, status } of items) statusOf.set(id, status);
    cursor = nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(placed.filter((id) => !statusOf.has(id))).toEqual([]);
  expect(completed.filter((id) => statusOf.get(id) !== "COMPLETE")).toEqual([]);
  expect(cancelRequested.filter((id) => statusOf.get(id) === "PENDING")).toEqual([]);
}
