import { afterAll, expect, test } from "bun:test";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { seededParticipant } from "@shop/service/testing/seeded-participant";
import { seeded } from "@shop/testing/seeded-secrets";
import { productService } from "./service.ts";

const product = await seededParticipant(productService);
afterAll(() => product.close());

test("products of which each statement fails write no name or description anywhere", async () => {
  const [admin, name, description] = [uuidV7(), seeded("name"), seeded("description")];
  const made = () => ({ name, description, price: 1, currency: "KRW", stock: 1 });
  expect(await product.call("admin", admin, "POST", "/api/products", made)).toBeGreaterThanOrEqual(4);
  await product.call("admin", admin, "GET", "/api/products");
  const take = () => {
    const orderId = uuidV7();
    return outgoing(
      DecreaseProductCommand,
      orderId,
      { orderId, items: [{ productId: uuidV7(), quantity: 1 }] },
      undefined,
    );
  };
  await product.deliver(take);
  await product.deliverPoison(take());
  expect(await product.found()).toEqual([]);
}, 120_000);
