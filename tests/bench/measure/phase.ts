import type { Driver } from "../driver/driver.ts";
import type { Load, Outcome, PlannedRequest } from "../driver/plan.ts";
import type { ArrivalQuery, Side } from "../stage/side.ts";
import {
  batchSizesBetween,
  cpuBetween,
  type DatabaseReading,
  readCpu,
  readDatabases,
  readHandled,
} from "../stage/usage.ts";
import { type Arrival, untilArrived } from "./arrivals.ts";
import { type Latency, latencyOf } from "./latency.ts";

/** What a load on one side brought, from its first call until the last order had arrived where it was waited for. */
export interface Phase {
  readonly orders: number;
  readonly perSecond: number;
  /** From when a call was to be sent until its order arrived, and until it was answered, in milliseconds. */
  readonly toArrival: Latency;
  readonly toAnswer: Latency;
  /** Milliseconds per order, by process, `kafka` and `postgres DATABASE`. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** The same of all processes and servers together, the driver not. */
  readonly totalCpuMs: number;
  /** What the driver used of a core. */
  readonly driverCores: number;
  /** Per order. */
  readonly walBytes: number;
  readonly statements: number;
  readonly transactions: number;
  /** Records a handled batch, by process. */
  readonly batchSizes: Readonly<Record<string, number>>;
  /** Calls that were refused, or lost their connection, and were made again. */
  readonly refusals: number;
}

interface PhaseOptions {
  readonly driver: Driver;
  readonly side: Side;
  readonly load: Load;
  readonly requests: readonly PlannedRequest[];
  readonly place: ArrivalQuery;
  /** The orders whose arrival is waited for, in the order of the requests; those that the answers name by default. */
  readonly orderIds?: readonly string[];
}

/** How often arrivals are looked for once all calls are answered. */
const LOOK_EVERY_MS = 40;

export async function runPhase(
  options: PhaseOptions,
): Promise<{ readonly phase: Phase; readonly arrivals: ReadonlyMap<string, Arrival> }> {
  const { driver, side, load, requests, place } = options;
  const before = await readAll(side);
  const { outcomes, cores } = await driver.run({ origin: side.origin, load, requests });
  const orderIds = options.orderIds ?? outcomes.map(({ id }) => id);
  const arrivals = await untilArrived(side.servers, place, orderIds, LOOK_EVERY_MS);
  const after = await readAll(side);

  const orders = requests.length;
  const startedAt = Math.min(...outcomes.map(({ intendedAt }) => intendedAt));
  const endedAt = Math.max(...[...arrivals.values()].map(({ at }) => at));
  const cpuMs = perOrder(cpuBetween(before.cpu, after.cpu), orders);
  const phase: Phase = {
    orders,
    perSecond: (orders * 1_000) / (endedAt - startedAt),
    toArrival: latencyOf(delays(outcomes, orderIds, arrivals)),
    toAnswer: latencyOf(outcomes.map(({ intendedAt, answeredAt }) => answeredAt - intendedAt)),
    cpuMs,
    totalCpuMs: sum(Object.values(cpuMs)),
    driverCores: cores,
    ...databaseWork(before.databases, after.databases, orders),
    batchSizes: batchSizesBetween(before.handled, after.handled),
    refusals: sum(outcomes.map(({ refusals }) => refusals)),
  };
  return { phase, arrivals };
}

async function readAll(side: Side) {
  return {
    cpu: await readCpu(side),
    databases: await readDatabases(side.servers),
    handled: await readHandled(side),
  };
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

function perOrder(values: Readonly<Record<string, number>>, orders: number): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value / orders]));
}

function delays(
  outcomes: readonly Outcome[],
  orderIds: readonly string[],
  arrivals: ReadonlyMap<string, Arrival>,
): readonly number[] {
  return outcomes.map(({ intendedAt }, index) => (arrivals.get(orderIds[index] ?? "")?.at ?? Number.NaN) - intendedAt);
}

function databaseWork(before: DatabaseReading, after: DatabaseReading, orders: number) {
  const total = (reading: ReadonlyMap<string, number>) => sum(reading.values());
  return {
    walBytes: (after.walBytes - before.walBytes) / orders,
    statements: (total(after.statements) - total(before.statements)) / orders,
    transactions: (total(after.transactions) - total(before.transactions)) / orders,
  };
}
