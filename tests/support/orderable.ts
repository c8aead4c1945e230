import { isProblem } from "@shop/client/problem-error";
import type { Shop } from "@shop/client/shop";

/** An id that no product has. */
const NO_PRODUCT = "01900000-0000-7000-8000-000000000000";

/**
 * Whether all of these products can be ordered: whether their announcements have reached the order service.
 * It asks with an order that is refused for one more product, so that nothing is bought.
 */
export async function areOrderable(customer: Shop, productIds: readonly string[]): Promise<boolean> {
  const items = [...productIds, NO_PRODUCT].map((productId) => ({ productId, quantity: 1 }));
  try {
    await customer.createOrder({ items, deliveryAddress: "nowhere" });
  } catch (error) {
    if (isProblem(error, "UNKNOWN_PRODUCT")) return error.problem.errors?.length === 1;
    throw error;
  }
  return false;
}
