import type { Driver } from "../driver/driver.ts";
import type { Load } from "../driver/plan.ts";
import { pgbenchOrders, type Yardstick } from "../pgbench.ts";
import type { ProductSide } from "../stage/product-side.ts";
import { untilArrived } from "./arrivals.ts";

/** Orders per second of the intake alone, and of the saga alone. */
export interface Apart {
  readonly orders: number;
  readonly intakePerSecond: number;
  readonly sagaPerSecond: number;
  /** Of the same two inserts on the same database; undefined without `pgbench` on the path. */
  readonly yardstick: Yardstick | undefined;
}

const PGBENCH_SECONDS = 3;
const LOOK_EVERY_MS = 20;
const SAGA_SERVICES = ["orchestrator", "product", "delivery"] as const;

/**
 * The intake while the saga's services are down, and then the saga on the backlog that this leaves, without any requests beside it. Product and delivery
 * are ready before the orchestrator starts, which alone can handle the backlog's first message. So the saga's clock starts with the commit that
 * handles the first of it.
 */
export async function measureApart(
  driver: Driver,
  side: ProductSide,
  orders: number,
  inFlight: number,
): Promise<Apart> {
  const { supervisor, databaseUrls } = side.system;
  for (const name of SAGA_SERVICES) await supervisor.kill(name, "SIGTERM");
  const load: Load = { kind: "closed", inFlight };
  const { outcomes } = await driver.run({ origin: side.origin, load, requests: await side.placeOrders(orders) });
  const startedAt = Math.min(...outcomes.map(({ intendedAt }) => intendedAt));
  const answeredAt = Math.max(...outcomes.map((outcome) => outcome.answeredAt));
  const yardstick = await pgbenchOrders(databaseUrls.get("order") ?? "", PGBENCH_SECONDS);
  for (const name of SAGA_SERVICES.toReversed()) await supervisor.restart(name);
  const ids = outcomes.map(({ id }) => id);
  const arrivals = await untilArrived(side.servers, side.deliveries, ids, LOOK_EVERY_MS);
  const begun = side.servers.connect("orchestrator");
  const [first] = await begun<{ at: number }[]>`
    select extract(epoch from min(handled_at))::float8 * 1000 as at from inbox
    where handled_at >= to_timestamp(${answeredAt} / 1000.0)`;
  const endedAt = Math.max(...[...arrivals.values()].map(({ at }) => at));
  return {
    ...{ orders, yardstick },
    intakePerSecond: (orders * 1_000) / (answeredAt - startedAt),
    sagaPerSecond: (orders * 1_000) / (endedAt - (first?.at ?? Number.NaN)),
  };
}
