import type { LoadClient, Told } from "../harness/load/client.ts";
import type { Actors } from "../harness/load/load.ts";
import type { Breach } from "../harness/rules/rules.ts";
import type { Scheduler } from "./scheduler.ts";

const PAUSE_MS = 200;
/** In simulated milliseconds, from the order to its delivery, or to its cancellation, while nothing goes wrong. */
const DECIDED_WITHIN_MS = 30_000;
/** As many as an order may have of a product. */
const MOST = 1_000;

/**
 * When all is idle: orders for all that is left of each product but the first, which must have it, and then for one more, which must not.
 * A limit that is one off shows nowhere else while clients order by chance.
 */
export async function lastOrders(scheduler: Scheduler, { customers, productIds }: Actors): Promise<readonly Breach[]> {
  const [customer] = customers;
  if (customer === undefined) return [];
  const breaches: Breach[] = [];
  const broken = (rule: Breach["rule"], text: string) => breaches.push({ rule, text });
  for (const productId of productIds.slice(1)) {
    const left = await stockOf(customer, productId);
    if (left === undefined) continue;
    if (left > 0) {
      const fate = await buy(scheduler, customer, productId, Math.min(left, MOST));
      if (fate !== "WAITING_FOR_RIDER")
        broken("I1", `an order for all ${left} of product ${productId} came to ${fate}`);
    }
    if (left > MOST) continue;
    const fate = await buy(scheduler, customer, productId, 1);
    if (fate !== "OUT_OF_STOCK")
      broken("I1", `an order for one more than there is of product ${productId} came to ${fate}`);
  }
  return breaches;
}

/** @returns undefined when it has been withdrawn */
async function stockOf(customer: LoadClient, productId: string): Promise<number | undefined> {
  const { body, status } = await customer.call("GET", `/api/products/${productId}`, { expects: [200, 404] });
  return status === 200 ? Number(body["stock"]) : undefined;
}

/** @returns why the order was cancelled, or how far it has come */
async function buy(scheduler: Scheduler, customer: LoadClient, productId: string, quantity: number): Promise<string> {
  const json = { items: [{ productId, quantity }], deliveryAddress: `the last ${quantity} of ${productId}` };
  const key = `last-${productId}-${quantity}-${scheduler.now}`;
  const { body, status } = await customer.call("POST", "/api/orders", { json, key });
  if (status !== 201) return `an answer with ${status}`;
  const until = scheduler.now + DECIDED_WITHIN_MS;
  for (;;) {
    const told: Told = await customer.call("GET", `/api/orders/${String(body["id"])}`);
    const { status: orderStatus, progress, cancelReason } = told.body;
    if (orderStatus === "CANCELLED") return String(cancelReason);
    if (progress === "WAITING_FOR_RIDER" || scheduler.now > until) return String(progress);
    await scheduler.sleep(PAUSE_MS);
  }
}
