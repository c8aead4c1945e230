import type { Shop } from "@shop/client/shop";
import type { Delivery } from "@shop/contracts/http/delivery";
import type { Order } from "@shop/contracts/http/order";
import type { Product } from "@shop/contracts/http/product";
import { type Books, readBooks } from "@shop/books/books";
import { enter, visitor } from "@shop/local/demo/enter";
import { areOrderable } from "./orderable.ts";
import { serviceNames } from "@shop/contracts/services";
import { startSystem, type System, type SystemOptions } from "@shop/local/system";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { signUp } from "./sign-up.ts";
import { untilAnswered } from "./until-answered.ts";

/** A whole system of real processes for one test file. */
export interface TestSystem {
  readonly system: System;
  readonly logs: readonly string[];
  /** Put before the name of each topic. */
  readonly topicPrefix: string;
  readonly anyone: Shop;
  logIn(name: string): Promise<Shop>;
  /** A customer who signed up just now. */
  newCustomer(): Promise<Shop>;
  /** Waits until nothing is left to settle and the books balance; fails with what does not. */
  booksBalance(deadlineMs?: number): Promise<Books>;
  stop(): Promise<void>;
}

export interface TestSystemOptions extends Pick<SystemOptions, "replicas" | "settings" | "settingsOf" | "frontDoor"> {
  /** PostgreSQL and Kafka of its own, for a test that kills them; else those that all tests share. */
  readonly ownInfrastructure?: boolean;
  /** `host:port` of a broker of the test's own, beside the PostgreSQL that all tests share. */
  readonly kafkaBrokers?: string;
}

/** Starts all services, with demo data, on free ports. */
export async function startTestSystem({
  ownInfrastructure = false,
  kafkaBrokers,
  replicas = {},
  settings = {},
  settingsOf,
  frontDoor,
}: TestSystemOptions = {}): Promise<TestSystem> {
  const logs: string[] = [];
  const topicPrefix = settings["TOPIC_PREFIX"] ?? uniqueTopicPrefix();
  const databases: TestDatabase[] = [];
  const shared: Record<string, string> = {};
  if (!ownInfrastructure) {
    shared["KAFKA_BROKERS"] = kafkaBrokers ?? (await testKafkaBrokers());
    for (const owner of serviceNames) {
      const database = await createEmptyDatabase();
      databases.push(database);
      shared[`${owner.toUpperCase()}_DATABASE_URL`] = database.runTimeUrl;
      shared[`${owner.toUpperCase()}_MIGRATION_DATABASE_URL`] = database.url;
    }
  }
  const system = await startSystem({
    environment: { ...process.env, ...shared },
    ports: "free",
    replicas,
    ...(frontDoor && { frontDoor }),
    ...(settingsOf && { settingsOf }),
    settings: {
      SEED_DEMO_DATA: "true",
      TOPIC_PREFIX: topicPrefix,
      RATE_LIMIT_PER_USER_PER_SECOND: "100000",
      ...settings,
    },
    onLine: (name, line) => logs.push(`${name} ${line}`),
  });
  const url = system.frontendUrl;
  let signedUp = 0;
  const testSystem: TestSystem = {
    system,
    logs,
    topicPrefix,
    anyone: visitor(url),
    logIn: (name) => untilAnswered(() => enter(url, name)),
    newCustomer() {
      signedUp += 1;
      return signUp(url, `guest-${signedUp}-${Math.floor(Math.random() * 1e9)}`);
    },
    async booksBalance(deadlineMs = 120_000) {
      return eventually(
        async () => {
          const books = await readBooks(system.databaseUrls);
          if (books.findings.length > 0)
            throw new Error(`the books do not balance:\n${books.findings.slice(0, 20).join("\n")}`);
          return books;
        },
        { deadlineMs, pauseMs: 200 },
      );
    },
    async stop() {
      await system.stop();
      await Promise.all(databases.map((database) => database.drop()));
    },
  };
  // Orders need the order service's copy of the catalogue, which the products reach within seconds.
  await eventually(async () => placeOrder(await testSystem.logIn("customer"), await anyProduct(testSystem), 1));
  return testSystem;
}

export async function products({ anyone }: TestSystem): Promise<readonly Product[]> {
  return (await anyone.listProducts({ limit: 100 })).items;
}

/** A product of which there is plenty. */
async function anyProduct(testSystem: TestSystem): Promise<string> {
  const found = (await products(testSystem)).find(({ stock }) => stock > 10);
  if (found === undefined) throw new Error("the demo data has no product with stock");
  return found.id;
}

export const deliveryAddress = "1 Sejong-daero, Jung-gu, Seoul";

/** Places an order, with one key however often the shop asks to try again. */
export function placeOrder(
  customer: Shop,
  productId: string,
  quantity: number,
  idempotencyKey: string = crypto.randomUUID(),
): Promise<Order> {
  return untilAnswered(() =>
    customer.createOrder({ items: [{ productId, quantity }], deliveryAddress }, { idempotencyKey }),
  );
}

/** Puts a product on sale and waits until it can be ordered. */
export async function newProduct(testSystem: TestSystem, stock: number, price = 1_000): Promise<string> {
  const admin = await testSystem.logIn("admin");
  // Nobody minds one more of it.
  const { id } = await untilAnswered(() =>
    admin.createProduct({ name: `Test ${stock}`, price, currency: "KRW", stock }),
  );
  const customer = await testSystem.logIn("customer");
  await eventually(async () => {
    if (!(await areOrderable(customer, [id]))) throw new Error("the product is not in the catalogue yet");
  });
  return id;
}

/** Places an order of the demo's customer and waits until it waits for a rider. @returns its id */
export async function waitingOrder(shop: TestSystem, productId: string): Promise<string> {
  const customer = await shop.logIn("customer");
  const { id } = await placeOrder(customer, productId, 1);
  await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
  return id;
}

/** Waits until an order has a status or a progress. */
export async function orderBecomes(
  shop: Shop,
  id: string,
  field: "status" | "progress",
  value: string,
  deadlineMs = 60_000,
): Promise<Order> {
  return eventually(
    async () => {
      const order = await shop.getOrder(id);
      if (order[field] !== value) throw new Error(`order ${id} has ${field} ${order[field]}, not ${value}`);
      return order;
    },
    { deadlineMs },
  );
}

export async function deliveryOf(shop: Shop, orderId: string): Promise<Delivery> {
  return eventually(async () => {
    const [delivery] = (await shop.listDeliveries({ orderId })).items;
    if (delivery === undefined) throw new Error(`order ${orderId} has no delivery yet`);
    return delivery;
  });
}
