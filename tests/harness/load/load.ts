import { seeded } from "../../support/seeded.ts";
import type { LoadClient, Told } from "./client.ts";

export interface Habits {
  readonly ordersPerSecond: number;
  readonly inFlight: number;
  /** Parts of the orders that are cancelled, completed, given up by their rider; cancelled and completed at the same time; and over which two who act at the same time contend. */
  readonly cancelled: number;
  readonly completed: number;
  readonly failed: number;
  readonly raced: number;
  readonly contended: number;
  /** The part of the orders after which somebody pries: another customer asks for it, the list is read, and its key comes with another body. */
  readonly pried: number;
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
  contended: 0,
  pried: 0.05,
  timesPlaced: 1,
  completedAgain: 0.2,
  orders: Number.POSITIVE_INFINITY,
};

export interface Actors {
  readonly customers: readonly LoadClient[];
  readonly riders: readonly [LoadClient, LoadClient];
  /** Who intervenes in some of the sagas, if anybody does. */
  readonly admin?: LoadClient;
  readonly productIds: readonly string[];
  /** One of which there is always enough, and which nobody orders while faults are injected. */
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
  actors: Actors,
  habits: Habits,
  seed: number,
  until: AbortSignal,
  giveUp: AbortSignal,
  sleep: (ms: number) => Promise<void> = Bun.sleep,
): Promise<readonly string[]> {
  const random = seeded(seed);
  const unanswered: string[] = [];
  const [rider, otherRider] = actors.riders;

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

  async function deliveryOf(orderId: string, customer: LoadClient): Promise<string | undefined> {
    for (let pauseMs = 250; !giveUp.aborted; pauseMs = Math.min(8_000, pauseMs * 2)) {
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
    const { customer, items, key, fate, whims } = plan;
    // Of its own, so that an address that comes to another order is noticed.
    const json = { items, deliveryAddress: `${key} Sejong-daero, Jung-gu, Seoul` };
    const placings = await Promise.all(
      Array.from({ length: habits.timesPlaced }, () =>
        insist(`an order with the key ${key}`, () => customer.call("POST", "/api/orders", { json, key })),
      ),
    );
    const orderId = placings.find((told) => told?.status === 201)?.body["id"];
    if (typeof orderId !== "string") return;
    if (whims() < habits.pried) await pry(orderId, plan, json);
    const cancel = () =>
      insist(`the cancel of order ${orderId}`, () => customer.call("POST", `/api/orders/${orderId}/cancel`));
    /** Up to so many milliseconds later: at any of the saga's steps. */
    const soon = (mostMs: number) => sleep(whims() * mostMs);
    if (fate === "cancelled") {
      // Often before the saga has begun.
      if (whims() > AT_ONCE) await soon(SAGA_MS);
      await cancel();
    }
    if (fate === "waits" || fate === "cancelled") return;
    const deliveryId = await deliveryOf(orderId, customer);
    if (deliveryId === undefined) return;
    const ride = (who: LoadClient, verb: "claim" | "complete" | "fail" | "release") =>
      insist(`the ${verb} of the delivery of order ${orderId}`, () =>
        who.call(
          verb === "release" ? "DELETE" : "PUT",
          `/api/deliveries/${deliveryId}/${verb === "release" ? "claim" : verb}`,
          { orderId, ...(verb === "fail" ? { json: { reason: "nobody at home" } } : {}) },
        ),
      );
    switch (fate) {
      case "raced":
        await Promise.all([soon(SAGA_MS).then(() => ride(rider, "complete")), cancel()]);
        break;
      case "contended":
        await contend({ orderId, ride, cancel, whims });
        break;
      case "failed":
        await ride(rider, "claim");
        await ride(rider, "fail");
        break;
      case "completed":
        if (whims() < CLAIMED_FIRST) {
          await ride(rider, "claim");
          await ride(otherRider, "claim");
          await ride(otherRider, "complete");
        }
        await ride(rider, "complete");
        if (plan.again) await Promise.all([ride(rider, "complete"), ride(otherRider, "complete")]);
        break;
      default:
        fate satisfies never;
    }
    await insist(`order ${orderId}`, () => customer.call("GET", `/api/orders/${orderId}`));
  }

  /** What must be refused, and what must show one's own orders alone. */
  async function pry(orderId: string, { customer, items, key }: Plan, json: object): Promise<void> {
    const stranger = actors.customers.find((each) => each !== customer);
    const other = { ...json, items: items.map((item) => ({ ...item, quantity: item.quantity + 1 })) };
    const notFound = { orderId, expects: [404] };
    if (stranger !== undefined) {
      const path = `/api/orders/${orderId}`;
      await insist(`a stranger's look at order ${orderId}`, () => stranger.call("GET", path, notFound));
      await insist(`a stranger's cancel of order ${orderId}`, () => stranger.call("POST", `${path}/cancel`, notFound));
    }
    await insist(`another order with the key ${key}`, () =>
      customer.call("POST", "/api/orders", { json: other, key, orderId, expects: [422] }),
    );
    await insist("one's own orders", () => customer.call("GET", "/api/orders?limit=100"));
  }

  /** What an admin does to the saga of an order. */
  async function intervene(orderId: string, verb: "retry" | "cancel"): Promise<void> {
    const { admin } = actors;
    const list = await admin?.call("GET", `/api/sagas?orderId=${orderId}`);
    const [found] = (list?.body["items"] ?? []) as readonly { readonly id: string }[];
    if (admin === undefined || found === undefined) return;
    await insist(`the ${verb} of the saga of order ${orderId}`, () =>
      admin.call("POST", `/api/sagas/${found.id}/${verb}`, { orderId }),
    );
  }

  /** Two act at the same moment on a delivery that waits. */
  async function contend({ orderId, ride, cancel, whims }: Contest): Promise<void> {
    const all = (...acts: readonly Promise<unknown>[]) => Promise.all(acts);
    const contests = [
      async () => {
        await all(ride(rider, "claim"), ride(otherRider, "claim"));
        await all(ride(rider, "complete"), ride(otherRider, "complete"));
      },
      () => all(ride(rider, "complete"), ride(otherRider, "complete")),
      () => all(ride(rider, "complete"), ride(rider, "complete"), ride(rider, "claim")),
      async () => {
        await ride(rider, "claim");
        await all(ride(rider, "complete"), ride(rider, "fail"));
      },
      async () => {
        await ride(rider, "claim");
        await all(ride(rider, "release"), ride(rider, "complete"), ride(otherRider, "claim"));
      },
      () =>
        all(
          cancel(),
          sleep(whims() * SAGA_MS).then(() => ride(rider, "claim")),
        ),
      () =>
        all(
          intervene(orderId, "cancel"),
          sleep(whims() * SAGA_MS).then(() => ride(rider, "complete")),
        ),
      () => all(intervene(orderId, "cancel"), intervene(orderId, "retry"), cancel()),
      () => all(intervene(orderId, "retry"), intervene(orderId, "retry"), ride(rider, "complete")),
    ];
    await contests[Math.floor(whims() * contests.length)]?.();
  }

  const inFlight = new Set<Promise<void>>();
  let ended = Promise.withResolvers<void>();
  for (let count = 0; count < habits.orders && !until.aborted; count += 1) {
    while (inFlight.size >= habits.inFlight) await ended.promise;
    if (until.aborted) break;
    // What is done when is drawn beside the plans, which stay what they are.
    const whims = seeded((seed + 1) * WHIMS_APART + count);
    // The first numbers of seeds that are close to each other are, too.
    for (let drawn = 0; drawn < WARM_UP; drawn += 1) whims();
    const following = oneOrder({ ...planOf(actors, habits, random, `${seed}-${count}`), whims });
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

/** The part of the cancels that are asked for as soon as the order is placed. */
const AT_ONCE = 0.4;
/** The part of the completions of which the rider has claimed the delivery, and another one tries in vain. */
const CLAIMED_FIRST = 0.4;
/** In about so long a saga comes from one end to the other while nothing is in its way, in milliseconds. */
const SAGA_MS = 80;
/** More than the orders of a run, so that those of two seeds have other whims. */
const WHIMS_APART = 100_003;
const WARM_UP = 16;

interface Contest {
  readonly orderId: string;
  readonly ride: (who: LoadClient, verb: "claim" | "complete" | "fail" | "release") => Promise<unknown>;
  readonly cancel: () => Promise<unknown>;
  readonly whims: () => number;
}

interface Plan {
  readonly customer: LoadClient;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly key: string;
  readonly fate: "cancelled" | "completed" | "failed" | "raced" | "contended" | "waits";
  readonly again: boolean;
  /** Gives a number from 0 to 1 whenever it is asked. */
  readonly whims: () => number;
}

/** All that is left to chance is drawn here, in a fixed number of draws, so that a seed gives the same plans however the faults fall. */
function planOf(
  { customers, productIds }: Actors,
  habits: Habits,
  random: () => number,
  key: string,
): Omit<Plan, "whims"> {
  const drawn = [random(), random(), random(), random(), random(), random()] as const;
  const at = <Item>(list: readonly Item[], part: number) => list[Math.floor(part * list.length)] as Item;
  const first = at(productIds, drawn[1]);
  const second = at(productIds, drawn[2]);
  const quantity = 1 + Math.floor(drawn[3] * 3);
  const items = [{ productId: first, quantity }, ...(second === first ? [] : [{ productId: second, quantity: 1 }])];
  const fates = ["cancelled", "completed", "failed", "raced", "contended"] as const;
  let left = drawn[4];
  const fate = fates.find((name) => (left -= habits[name]) < 0) ?? "waits";
  return { customer: at(customers, drawn[0]), items, key, fate, again: drawn[5] < habits.completedAgain };
}
