import { afterEach, beforeEach, expect, test } from "bun:test";
import { AnnounceProductsCommand, ProductChanged, ProductsAnnounced } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest, sent } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { orderService } from "./service.ts";
import { catalogueReadiness, requestCatalogueUntilComplete } from "./use-cases/request-catalogue.ts";

/** A grace is a matter of minutes at most. */
const AN_HOUR_MS = 3_600_000;

let database: TestDatabase;
let service: ParticipantUnderTest;
beforeEach(async () => {
  database = await createTestDatabase({ service: "order" });
  service = await participantUnderTest(orderService, database.url);
}, 120_000);
afterEach(async () => {
  await service.close();
  await database.drop();
});

const announced = (products: number) => outgoing(ProductsAnnounced, "catalogue", { products }, undefined);
const product = (productId: string = uuidV7()) => {
  const data = { productId, name: "Tea", price: 4_500, currency: "KRW", withdrawn: false, version: 1 } as const;
  return outgoing(ProductChanged, productId, data, undefined);
};
const readiness = (runningForMs = 0) => catalogueReadiness(service.context, runningForMs);

test("the service is ready once all products that were announced can be ordered, in whatever order they arrive", async () => {
  const tea = uuidV7();
  for (const message of [product(tea), announced(2), product(tea)]) {
    expect(await readiness()).toBe("waiting for the products to be announced");
    await service.receive(message);
  }
  expect(await readiness()).toBe("waiting for the products to be announced");
  await service.receive(product());
  expect(await readiness()).toBe("ok");
});

test("the service of a shop without products is ready once it knows that there are none", async () => {
  expect(await readiness()).not.toBe("ok");
  await service.receive(announced(0));
  expect(await readiness()).toBe("ok");
});

test("the service becomes ready by itself when nothing is announced, so that nothing waits for it for ever", async () => {
  expect(await readiness(AN_HOUR_MS)).toBe("ok");
});

test("all products are asked for until all are here, and again at the next start when the catalogue was emptied", async () => {
  const question = sent(AnnounceProductsCommand, "catalogue", {});
  const { clock } = service;
  const start = () => requestCatalogueUntilComplete(service.context, new AbortController().signal);
  const asleep = () => eventually(() => expect(clock.sleeperCount).toBe(1));

  const asking = start();
  await asleep();
  await service.receive(product(), announced(2));
  await clock.advance(2_000);
  await asleep();
  expect(await service.takeSent()).toEqual([question, question]);
  await service.receive(product());
  await clock.advance(4_000);
  await asking;
  await start();
  expect(await service.takeSent()).toEqual([]);

  await service.context.db.execute(sql`truncate catalogue`);
  expect(await readiness()).not.toBe("ok");
  const again = start();
  await asleep();
  await service.receive(product(), product(), announced(2));
  await clock.advance(2_000);
  await again;
  expect(await service.takeSent()).toEqual([question]);
  expect(await readiness()).toBe("ok");
});
