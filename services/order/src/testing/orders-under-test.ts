import { afterAll, beforeAll } from "bun:test";
import { Order } from "@shop/contracts/http/order";
import { ProductChanged } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase } from "@shop/testing/database";
import { orderService } from "../service.ts";

export const tea: string = uuidV7();
export const customer: string = uuidV7();

/** Two replicas of the order service on a database of their own, which know of one product, for the tests of one file. */
export interface OrdersUnderTest {
  readonly service: ParticipantUnderTest;
  readonly twin: ParticipantUnderTest;
  /** @returns the id of an order that `customer` has just placed */
  placed(): Promise<string>;
}

/** @returns what the tests use; it may be asked for its parts inside of tests only */
export function ordersUnderTest(participant = orderService): () => OrdersUnderTest {
  let underTest: OrdersUnderTest | undefined;
  let close = () => Promise.resolve();
  beforeAll(async () => {
    const database = await createTestDatabase({ service: "order" });
    const service = await participantUnderTest(participant, database.url);
    const twin = await participantUnderTest(participant, database.url);
    const product = { name: "Tea", price: 4_500, currency: "KRW", withdrawn: false, version: 1 } as const;
    await service.receive(outgoing(ProductChanged, tea, { productId: tea, ...product }, undefined));
    underTest = { service, twin, placed: () => place(service) };
    close = async () => {
      await service.close();
      await twin.close();
      await database.drop();
    };
  }, 120_000);
  afterAll(() => close());
  return () => {
    if (underTest === undefined) throw new Error("the orders under test are there once beforeAll has run");
    return underTest;
  };
}

async function place(service: ParticipantUnderTest): Promise<string> {
  const response = await service.app.request("/api/orders", {
    method: "POST",
    headers: { ...(await service.as("customer", customer)), "content-type": "application/json" },
    body: JSON.stringify({ items: [{ productId: tea, quantity: 2 }], deliveryAddress: "1 Sejong-daero" }),
  });
  return Order.parse(await response.json()).id;
}
