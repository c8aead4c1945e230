import { enter } from "@shop/local/demo/enter";
import { join } from "node:path";
import { startBrowser } from "../support/browser.ts";
import { deliveryOf, orderBecomes, products, startTestSystem } from "../support/test-system.ts";

/**
 * Takes the pictures of the README: the customer's, the rider's and the operator's page of a running system with demo data, in both languages.
 * `bun run pictures` after a change of these pages.
 */

const FOLDER = join(import.meta.dir, "../../docs/pictures");
/** In pixels: readable at the width of a README, and a picture stays below the 150 kB that a guard allows. */
const WINDOW = { width: 1_000, height: 680 } as const;
const LANGUAGES = { "en-GB": "", "ko-KR": ".ko" } as const;

const shop = await startTestSystem({ ownInfrastructure: true });
const browser = await startBrowser(shop.system.frontendUrl, { folder: FOLDER, fullPage: false });
try {
  const [customer, rider, other] = await Promise.all(
    ["customer2", "rider", "rider2"].map((name) => enter(shop.system.frontendUrl, name)),
  );
  if (customer === undefined || rider === undefined || other === undefined) throw new Error("nobody has logged in");
  const byName = new Map((await products(shop)).map(({ name, id }) => [name, id]));
  const order = async (product: string, quantity: number, deliveryAddress: string) => {
    const productId = byName.get(product);
    if (productId === undefined) throw new Error(`the demo data has no ${product}`);
    const placed = await customer.createOrder(
      { items: [{ productId, quantity }], deliveryAddress },
      { idempotencyKey: crypto.randomUUID() },
    );
    await orderBecomes(customer, placed.id, "progress", "WAITING_FOR_RIDER");
    return placed.id;
  };
  const deliver = async (id: string) => rider.completeDelivery((await deliveryOf(rider, id)).id);

  const delivered = await order("Sejak Green Tea", 1, "12 Insadong-gil, Jongno-gu, Seoul");
  await deliver(delivered);
  await orderBecomes(customer, delivered, "status", "COMPLETE");
  const returned = await order("Omija Syrup", 2, "55 Garosu-gil, Gangnam-gu, Seoul");
  const { id: undeliverable } = await deliveryOf(other, returned);
  await other.claimDelivery(undeliverable);
  await other.failDelivery(undeliverable, { reason: "Nobody at home" });
  await orderBecomes(customer, returned, "status", "CANCELLED");
  await rider.claimDelivery((await deliveryOf(rider, await order("Sesame Oil", 1, "8 Yeonnam-ro, Mapo-gu, Seoul"))).id);
  await order("Gochujang", 3, "27 Bukchon-ro, Jongno-gu, Seoul");
  const shown = await order("Yakgwa", 2, "1 Sejong-daero, Jung-gu, Seoul");

  const [saga] = (await (await enter(shop.system.frontendUrl, "admin")).listSagas({ orderId: returned })).items;
  if (saga === undefined) throw new Error(`order ${returned} has no saga`);

  for (const [locale, suffix] of Object.entries(LANGUAGES)) {
    for (const [name, user, path, ready] of [
      ["customer", "customer2", `/orders/${shown}`, "main:has(.live:not(.lost)):has(.stage:nth-of-type(2) time)"],
      ["rider", "rider", "/rider", ".delivery"],
      ["operator", "admin", `/admin/sagas/${saga.id}`, ".lane-step.past"],
    ] as const) {
      const visitor = await browser.visit({ locale, viewport: WINDOW });
      await visitor.signIn(user);
      await visitor.page.goto(path);
      await visitor.page.locator(ready).first().waitFor();
      await visitor.picture(`${name}${suffix}`);
      await visitor.context.close();
    }
  }
} finally {
  await browser.stop();
  await shop.stop();
}
