import type { ArrivalQuery } from "../stage/side.ts";
import type { Servers } from "../stage/servers.ts";

/** An order's row in the place where it was waited for. */
export interface Arrival {
  readonly id: string;
  /** Commit of the transaction that wrote it, in milliseconds since 1970. */
  readonly at: number;
}

interface Row extends Arrival {
  readonly order_id: string;
}

/** Several times what a slow machine needs; it ends what hangs. */
const WITHIN_MS = 180_000;

/**
 * Waits until the rows of all these orders are there. Their times are those of their commits, so that looking seldom costs the system little and the
 * figures no precision. (A commit time is taken before the disk is waited for: about a millisecond early, on every side.)
 * @returns by order id
 * @throws Error that says how many are missing
 */
export async function untilArrived(
  servers: Servers,
  place: ArrivalQuery,
  orderIds: readonly string[],
  lookEveryMs: number,
): Promise<ReadonlyMap<string, Arrival>> {
  const sql = servers.connect(place.database);
  const arrivals = new Map<string, Arrival>();
  const deadline = performance.now() + WITHIN_MS;
  for (let missing = orderIds; ; missing = missing.filter((id) => !arrivals.has(id))) {
    const rows = missing.length === 0 ? [] : await sql.unsafe<Row[]>(place.query, [missing as string[]]);
    for (const { order_id, id, at } of rows) arrivals.set(order_id, { id, at });
    if (arrivals.size >= orderIds.length) return arrivals;
    if (performance.now() > deadline) {
      throw new Error(`${missing.length} of ${orderIds.length} orders are missing in ${place.database}`);
    }
    await Bun.sleep(lookEveryMs);
  }
}
