import type { ShopClient } from "./shop-client.ts";

/** An id that no product has. */
const NO_PRODUCT = "01900000-0000-7000-8000-000000000000";

/**
 * Whether all of these products can be ordered: whether their announcements have reached the order service.
 * It asks with an order that is refused for one more product, so that nothing is bought.
 */
export async function areOrderable(customer: ShopClient, productIds: readonly string[]): Promise<boolean> {
  const items = [...productIds, NO_PRODUCT].map((productId) => ({ productId, quantity: 1 }));
  const { body } = await customer.call("POST", "/api/orders", { items, deliveryAddress: "nowhere" });
  const refused = body["errors"] as readonly unknown[] | undefined;
  return refused?.length === 1;
}
