import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import postgres from "postgres";
import { expectKept, type Journal, runLoad } from "../support/journal.ts";
import { newProduct, orderBecomes, placeOrder, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let customers: readonly Shop[];
let rider: Shop;
let admin: Shop;
let productIds: readonly string[];

beforeAll(async () => {
  shop = await startTestSystem({ ownInfrastructure: true });
  customers = await Promise.all(Array.from({ length: 4 }, () => shop.newCustomer()));
  rider = await shop.logIn("rider");
  admin = await shop.logIn("admin");
  productIds = [await newProduct(shop, 100_000), await newProduct(shop, 60)];
}, 240_000);
afterAll(async () => {
  await shop.stop();
}, 30_000);

const load = (orders: number, seed: number) =>
  runLoad({ customers, rider, productIds, orders, inFlight: 16, cancelled: 0.2, completed: 0.4, seed });

async function expectAllWell(journal: Journal): Promise<void> {
  const books = await shop.booksBalance(60_000);
  expect(books.deadLetters).toEqual([]);
  await expectKept(journal, admin);
}

/** Does something every `pauseMs` for as long as `work` runs. */
async function during<Result>(
  work: Promise<Result>,
  pauseMs: number,
  disturb: () => Promise<unknown>,
): Promise<Result> {
  let going = true;
  const disturbing = (async () => {
    while (going) {
      await disturb();
      await Bun.sleep(pauseMs);
    }
  })();
  try {
    return await work;
  } finally {
    going = false;
    await disturbing;
  }
}

test("twenty backends of all databases terminated a second: every transaction is whole or not at all", async () => {
  const servers = [...shop.system.databaseUrls.values()].map((url) =>
    postgres(url, { max: 1, onnotice: () => undefined }),
  );
  const journal = await during(load(300, 6), 200, () =>
    Promise.all(
      servers.map(
        (sql) => sql`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
            order by random() limit 1) as victims`,
      ),
    ),
  );
  await Promise.all(servers.map((sql) => sql.end()));
  await expectAllWell(journal);
}, 120_000);

test("the broker killed and back, again and again: orders are taken all the time and all are served", async () => {
  const { kafka } = shop.system.infrastructure;
  if (kafka === undefined) throw new Error("this test needs a broker of its own: unset KAFKA_BROKERS");
  // After each return the groups need some seconds to form again: the broker is up for twelve seconds before it is killed anew.
  const journal = await during(load(400, 8), 12_000, async () => {
    await kafka.kill();
    await Bun.sleep(1_000);
    await kafka.restart();
  });
  await expectAllWell(journal);
}, 180_000);

test("orders go on while the broker is away, and are served when it is back", async () => {
  const { kafka } = shop.system.infrastructure;
  const [customer] = customers as [Shop];
  await kafka?.kill();
  const placed = [];
  for (let count = 0; count < 20; count += 1) placed.push(await placeOrder(customer, productIds[0] as string, 1));
  await kafka?.restart();
  for (const { id } of placed) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", 30_000);
}, 90_000);

test("PostgreSQL killed and back in the middle of the work: nothing is lost, nothing is done twice", async () => {
  const server = shop.system.infrastructure.postgres;
  if (server === undefined) throw new Error("this test needs a PostgreSQL of its own: unset the DATABASE_URLs");
  const journal = await during(load(200, 5), 3_000, async () => {
    await server.kill();
    await server.restart();
  });
  await expectAllWell(journal);
}, 180_000);
