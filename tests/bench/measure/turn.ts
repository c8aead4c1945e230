import type { Driver } from "../driver/driver.ts";
import type { Load } from "../driver/plan.ts";
import type { Side } from "../stage/side.ts";
import { readMemory } from "../stage/usage.ts";
import { untilArrived } from "./arrivals.ts";
import { type Phase, runPhase } from "./phase.ts";

/** One turn of one side: some sagas alone, then many at once. */
export interface Turn {
  readonly side: string;
  /** From 0; the reference has one turn more than the others, after the last round. */
  readonly round: number;
  /** One order at a time, in milliseconds: from its call to its delivery, and from the rider's call to the completed order. */
  readonly unloaded: { readonly toDelivery: readonly number[]; readonly toComplete: readonly number[] };
  /** Closed loop, order to delivery. */
  readonly order: Phase;
  /** Closed loop, the rider's call to the completed order; the reference has none. */
  readonly complete: Phase | undefined;
  /** At the end of the turn, in MB. */
  readonly memoryMb: Readonly<Record<string, number>>;
}

export interface TurnOptions {
  readonly orders: number;
  readonly inFlight: number;
  readonly unloaded: number;
}

export async function takeTurn(driver: Driver, side: Side, round: number, options: TurnOptions): Promise<Turn> {
  const { orders, inFlight } = options;
  const load: Load = { kind: "closed", inFlight };
  const unloaded = await oneAtATime(driver, side, options.unloaded);
  const placed = await runPhase({
    ...{ driver, side, load, place: side.deliveries },
    requests: await side.placeOrders(orders),
  });
  const complete = await completeAll(driver, side, load, placed.arrivals);
  return { side: side.name, round, unloaded, order: placed.phase, complete, memoryMb: await readMemory(side) };
}

async function completeAll(
  driver: Driver,
  side: Side,
  load: Load,
  deliveries: ReadonlyMap<string, { readonly id: string }>,
): Promise<Phase | undefined> {
  const { completion } = side;
  if (completion === undefined) return undefined;
  const requests = await completion.complete([...deliveries.values()].map(({ id }) => id));
  const orderIds = [...deliveries.keys()];
  return (await runPhase({ driver, side, load, requests, orderIds, place: completion.completed })).phase;
}

/** Commit times are read, so looking seldom makes no latency longer. */
const LOOK_EVERY_MS = 15;
/** What an order leaves to do (offsets, deleted rows) is done by then. */
const PAUSE_MS = 30;

/** Whole sagas, each begun when the last one has ended. */
export async function oneAtATime(driver: Driver, side: Side, count: number): Promise<Turn["unloaded"]> {
  const { origin, servers, deliveries, completion } = side;
  const load: Load = { kind: "closed", inFlight: 1 };
  const toDelivery: number[] = [];
  const toComplete: number[] = [];
  for (const request of await side.placeOrders(count)) {
    const [placed] = (await driver.run({ origin, load, requests: [request] })).outcomes;
    if (placed === undefined) throw new Error("the driver has lost an order");
    const delivery = (await untilArrived(servers, deliveries, [placed.id], LOOK_EVERY_MS)).get(placed.id);
    if (delivery === undefined) throw new Error("an order has no delivery");
    toDelivery.push(delivery.at - placed.intendedAt);
    if (completion !== undefined) {
      const requests = await completion.complete([delivery.id]);
      const [signal] = (await driver.run({ origin, load, requests })).outcomes;
      const completed = (await untilArrived(servers, completion.completed, [placed.id], LOOK_EVERY_MS)).get(placed.id);
      if (signal === undefined || completed === undefined) throw new Error("an order was not completed");
      toComplete.push(completed.at - signal.intendedAt);
    }
    await Bun.sleep(PAUSE_MS);
  }
  return { toDelivery, toComplete };
}
