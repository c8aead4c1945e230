import type { Shop } from "@shop/client/shop";
import { enter } from "@shop/local/demo/enter";
import { areOrderable } from "./orderable.ts";
import { eventually } from "@shop/testing/eventually";
import type { ComposeProject } from "./compose-project.ts";
import { untilAnswered } from "./until-answered.ts";
import { deliveryOf, orderBecomes, placeOrder } from "./test-system.ts";

/** People at a composed system, and a product of which there is plenty. */
export interface ComposedShop {
  readonly customer: Shop;
  readonly rider: Shop;
  readonly admin: Shop;
  readonly productId: string;
  /** Places an order and waits until it waits for a rider. @returns its id */
  waitingOrder(): Promise<string>;
  /** Has the rider complete the delivery, and waits until the order is COMPLETE. */
  complete(orderId: string): Promise<void>;
}

/**
 * Builds a composed system, starts it and lets people in.
 * @param withinMs how long an order may take to its delivery, and from there to its end
 */
export async function openComposedShop(
  { compose, url }: ComposeProject,
  { withinMs }: { readonly withinMs: number },
): Promise<ComposedShop> {
  await compose("build");
  await compose("up", "--wait", "--wait-timeout", "900");
  // Just started on a machine that is busy, a password may take longer than a call has.
  const loggedIn = (name: string) => eventually(() => enter(url, name));
  const [customer, rider, admin] = [await loggedIn("customer"), await loggedIn("rider"), await loggedIn("admin")];
  const { items } = await untilAnswered(() => customer.listProducts({ limit: 100 }));
  const plenty = items.find(({ stock }) => stock > 100);
  if (plenty === undefined) throw new Error("the demo data has no product with stock");
  const productId = plenty.id;
  await eventually(async () => {
    if (!(await areOrderable(customer, [productId]))) throw new Error("the product is not in the catalogue yet");
  });
  return {
    ...{ customer, rider, admin, productId },
    async waitingOrder() {
      const { id } = await placeOrder(customer, productId, 1);
      await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", withinMs);
      return id;
    },
    async complete(orderId) {
      await untilAnswered(async () => rider.completeDelivery((await deliveryOf(rider, orderId)).id));
      await orderBecomes(customer, orderId, "status", "COMPLETE", withinMs);
    },
  };
}
