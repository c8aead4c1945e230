import type { LoadClient } from "../harness/load/client.ts";
import type { Scheduler } from "./scheduler.ts";

/** The pause between two things that are done, at most, in simulated milliseconds. */
const PAUSE_MS = 700;
const WITHDRAWN_PART = 0.03;

/**
 * Changes stock and prices while products are ordered, at times twice at once, and now and then takes one off sale. What is not answered is left at that: the
 * books know whether it was done.
 * @param until nothing more is begun after it is aborted
 */
export async function churnCatalogue(
  scheduler: Scheduler,
  admin: LoadClient,
  productIds: readonly string[],
  until: AbortSignal,
): Promise<void> {
  const changeStock = (id: string) => {
    const delta = Math.floor(scheduler.between(-3, 6));
    return admin.call("POST", `/api/products/${id}/stock`, { json: { delta } });
  };
  const changePrice = (id: string) =>
    admin.call("PATCH", `/api/products/${id}`, { json: { price: Math.floor(scheduler.between(500, 2_000)) } });
  // The first product can always be ordered.
  const [, ...others] = productIds;
  while (!until.aborted) {
    await scheduler.sleep(scheduler.between(0, PAUSE_MS));
    const id = scheduler.pick(productIds) ?? "";
    const acts = [changeStock, changePrice].filter(() => scheduler.chance(0.5)).map((act) => act(id));
    if (scheduler.chance(0.5)) acts.push(changeStock(id));
    const withdrawn = scheduler.pick(others);
    if (withdrawn !== undefined && scheduler.chance(WITHDRAWN_PART))
      acts.push(admin.call("DELETE", `/api/products/${withdrawn}`));
    await Promise.all(acts);
  }
}
