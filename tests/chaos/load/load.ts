import { seeded } from "../../support/seeded.ts";
import type { Person, Told } from "./person.ts";

export interface Habits {
  readonly ordersPerSecond: number;
  readonly inFlight: number;
  /** Parts of the orders that are cancelled, completed, given up by their rider; and cancelled and completed at the same time. */
  readonly cancelled: number;
  readonly completed: number;
  readonly failed: number;
  readonly raced: number;
  /** How often each order is placed with its key; more than once at a time. */
  readonly timesPlaced: number;
  /** The part of the completions that are asked for again, by the same rider and by another. */
  readonly completedAgain: number;
  /** At most so many orders. */
  readonly orders: number;
}

export const usualHabits: Habits = {
  ordersPerSecond: 20,
  inFlight: 24,
  cancelled: 0.2,
  completed: 0.4,
  failed: 0.05,
  raced: 0.05,
  timesPlaced: 1,
  completedAgain: 0.2,
  orders: Number.POSITIVE_INFINITY,
};

export interface Cast {
  readonly customers: readonly Person[];
  readonly riders: readonly [Person, Person];
  readonly productIds: readonly string[];
  /** One of which there is always enough, and which nobody orders while harm is done. */
  readonly plenty: string;
}

/**
 * Customers place orders and cancel some, riders complete some, all while faults happen around them. Like any good client they repeat a call
 * that failed: an order with the same key.
 * @param until no order is begun after it is aborted; those under way are followed to their end
 * @param giveUp nobody insists any more after it is aborted
 * @param sleep resolves after so many milliseconds: real ones, unless time is simulated
 * @returns how many things that had to be answered were not, as sentences
 */
export async function runLoad(
  cast: Cast,
  habits: Habits,
  seed: number,
  until: AbortSignal,
  giveUp: AbortSignal,
  sleep: (ms: number) => Promise<void> = Bun.sleep,
): Promise<readonly string[]> {
  const random = seeded(seed);
  const unanswered: string[] = [];
  const [rider, otherRider] = cast.riders;

  /** Repeats a call until it is answered for good. 401 is for a moment in which two clocks disagree. */
  async function insist(what: string, call: () => Promise<Told>): Promise<Told | undefined> {
    for (let pauseMs = 50; !giveUp.aborted; pauseMs = Math.min(1_000, pauseMs * 2)) {
      const told = await call();
      if (told.status !== 0 && told.status < 500 && told.status !== 429 && told.status !== 401) return told;
      await sleep(pauseMs);
    }
    unanswered.push(`${what} was never answered`);
    return undefined;
  }

  async function deliveryOf(orderId: string, customer: Person): Promise<string | undefined> {
    for (let pauseMs = 250; !giveUp.aborted; pauseMs = Math.min(1_000, pauseMs * 2)) {
      const path = `/api/deliveries?orderId=${orderId}`;
      const list = await insist(`the list of deliveries of order ${orderId}`, () =>
        rider.call("GET", path, { orderId }),
      );
      const [delivery] = (list?.body["items"] ?? []) as readonly { readonly id: string }[];
      if (delivery !== undefined) return delivery.id;
      const order = await insist(`order ${orderId}`, () => customer.call("GET", `/api/orders/${orderId}`));
      if (order?.body["status"] === "CANCELLED") return undefined;
      await sleep(pauseMs);
    }
    unanswered.push(`order ${orderId} never had a delivery`);
    return undefined;
  }

  async function oneOrder(plan: Plan): Promise<void> {
    const { customer, items, key, fate } = plan;
    const json = { items, deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul" };
    const placings = await Promise.all(
      Array.from({ length: habits.timesPlaced }, () =>
        insist(`an order with the key ${key}`, () => customer.call("POST", "/api/orders", { json, key })),
      ),
    );
    const orderId = placings.find((told) => told?.status === 201)?.body["id"];
    if (typeof orderId !== "string") return;
    const cancel = () =>
      insist(`the cancel of order ${orderId}`, () => customer.call("POST", `/api/orders/${orderId}/cancel`));
    if (fate === "cancelled") await cancel();
    if (fate !== "completed" && fate !== "failed" && fate !== "raced") return;
    const deliveryId = await deliveryOf(orderId, customer);
    if (deliveryId === undefined) return;
    const ride = (who: Person, verb: "claim" | "complete" | "fail") =>
      insist(`the ${verb} of the delivery of order ${orderId}`, () =>
        who.call("PUT", `/api/deliveries/${deliveryId}/${verb}`, {
          orderId,
          ...(verb === "fail" ? { json: { reason: "nobody at home" } } : {}),
        }),
      );
    switch (fate) {
      case "raced":
        await Promise.all([ride(rider, "complete"), cancel()]);
        break;
      case "failed":
        await ride(rider, "claim");
        await ride(rider, "fail");
        break;
      case "completed":
        await ride(rider, "complete");
        if (plan.again) await Promise.all([ride(rider, "complete"), ride(otherRider, "complete")]);
        break;
      default:
        fate satisfies never;
    }
    await insist(`order ${orderId}`, () => customer.call("GET", `/api/orders/${orderId}`));
  }

  const inFlight = new Set<Promise<void>>();
  let ended = Promise.withResolvers<void>();
  for (let count = 0; count < habits.orders && !until.aborted; count += 1) {
    while (inFlight.size >= habits.inFlight) await ended.promise;
    if (until.aborted) break;
    const following = oneOrder(planOf(cast, habits, random, `${seed}-${count}`));
    inFlight.add(following);
    void following.finally(() => {
      inFlight.delete(following);
      ended.resolve();
      ended = Promise.withResolvers();
    });
    if (Number.isFinite(habits.ordersPerSecond)) await sleep(1_000 / habits.ordersPerSecond);
  }
  await Promise.all(inFlight);
  return unanswered;
}

interface Plan {
  readonly customer: Person;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly key: string;
  readonly fate: "cancelled" | "completed" | "failed" | "raced" | "waits";
  readonly again: boolean;
}

/** All that is left to chance is drawn here, in a fixed number of draws, so that a seed gives the same plans however the faults fall. */
function planOf({ customers, productIds }: Cast, habits: Habits, random: () => number, key: string): Plan {
  const drawn = [random(), random(), random(), random(), random(), random()] as const;
  const at = <Item>(list: readonly Item[], part: number) => list[Math.floor(part * list.length)] as Item;
  const first = at(productIds, drawn[1]);
  const second = at(productIds, drawn[2]);
  const quantity = 1 + Math.floor(drawn[3] * 3);
  const items = [{ productId: first, quantity }, ...(second === first ? [] : [{ productId: second, quantity: 1 }])];
  const fates = ["cancelled", "completed", "failed", "raced"] as const;
  let left = drawn[4];
  const fate = fates.find((name) => (left -= habits[name]) < 0) ?? "waits";
  return { customer: at(customers, drawn[0]), items, key, fate, again: drawn[5] < habits.completedAgain };
}
