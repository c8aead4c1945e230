import { freePort } from "@shop/local/free-port";
import { createSupervisor } from "@shop/local/supervisor";
import { eventually } from "@shop/testing/eventually";
import { join } from "node:path";
import { createTables, PRODUCTS, referenceDatabases, STOCK_EACH } from "../reference/database.ts";
import { kafkaClient } from "../reference/kafka.ts";
import { TOPICS } from "../reference/message.ts";
import { type Servers, startServers } from "./servers.ts";
import { COMMITTED_AT, type Side } from "./side.ts";

const FOLDER = join(import.meta.dir, "..", "reference");
const NAMES = ["order", "orchestrator", "product", "delivery"] as const;
const QUANTITY = 3;
const COORDINATOR_WITHIN_MS = 60_000;

/** Starts the reference: four processes, with the product's number of partitions. */
export async function startReference(partitions: number, onLine: (line: string) => void): Promise<Side> {
  const servers = await startServers(referenceDatabases);
  const { databaseUrls, kafkaBrokers } = servers.infrastructure;
  const supervisor = createSupervisor({
    onLine: (name, line) => onLine(`reference ${name}: ${line}`),
    onUnexpectedExit: (name) => onLine(`reference ${name} has ended`),
  });
  try {
    for (const name of referenceDatabases) await createTables(name, databaseUrls.get(name) ?? "");
    await createTopics(kafkaBrokers, partitions);
    const ports = new Map<string, number>();
    for (const name of NAMES) ports.set(name, await freePort());
    const startedAt = performance.now();
    await supervisor.start(
      NAMES.map((name) => ({
        name,
        command: [process.execPath, join(FOLDER, `${name}.ts`)],
        environment: {
          ...process.env,
          REFERENCE_DATABASE_URL: databaseUrls.get(`reference_${name}`),
          REFERENCE_KAFKA_BROKERS: kafkaBrokers,
          REFERENCE_PORT: String(ports.get(name)),
        },
        readyUrl: `http://127.0.0.1:${ports.get(name)}/readyz`,
      })),
    );
    const readyMs = performance.now() - startedAt;
    const urlOf = (name: string) => `http://127.0.0.1:${ports.get(name)}`;
    return {
      ...{ name: "reference", origin: urlOf("order"), servers, readyMs },
      processes: () => supervisor.pids(),
      metricsUrls: new Map(NAMES.map((name) => [name, `${urlOf(name)}/metrics`])),
      placeOrders: async (count) =>
        Array.from({ length: count }, (_, index) => ({
          method: "POST",
          path: "/",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ productId: 1 + ((index * 7) % PRODUCTS), quantity: QUANTITY }),
        })),
      deliveries: {
        database: "reference_delivery",
        query: `select order_id, order_id as id, ${COMMITTED_AT} from delivery where order_id = any($1::uuid[])`,
      },
      verify: () => eventually(() => verify(servers), { pauseMs: 200 }),
      async stop() {
        await supervisor.stopAll();
        await servers.stop();
      },
    };
  } catch (error) {
    await supervisor.stopAll();
    await servers.stop();
    throw error;
  }
}

/** Each order has one delivery, one saga that waits for a rider, and its stock was taken once. */
async function verify({ connect }: Servers): Promise<void> {
  const count = async (database: string, query: string) => {
    const [row] = await connect(database).unsafe<{ n: number }[]>(`select (${query})::int as n`);
    return row?.n ?? Number.NaN;
  };
  const orders = await count("reference_order", "select count(*) from orders");
  const found = {
    deliveries: await count("reference_delivery", "select count(*) from delivery"),
    sagas: await count("reference_orchestrator", "select count(*) from saga where state = 'WAITING'"),
    taken: await count("reference_product", `select sum(${STOCK_EACH} - stock) / ${QUANTITY} from product`),
  };
  if (Object.values(found).some((n) => n !== orders)) {
    throw new Error(`the reference has ${orders} orders and ${JSON.stringify(found)}`);
  }
}

async function createTopics(kafkaBrokers: string, partitions: number): Promise<void> {
  const admin = kafkaClient("reference-admin", kafkaBrokers).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: TOPICS.map((topic) => ({ topic, numPartitions: partitions })),
    });
    // The broker makes the topic of offsets at the first question for a group; a consumer that joins meanwhile can wait for its whole session.
    const deadline = performance.now() + COORDINATOR_WITHIN_MS;
    for (const name of NAMES.slice(1)) {
      const ask = () => admin.fetchOffsets({ groupId: `reference-${name}`, topics: [...TOPICS] });
      while (
        !(await ask().then(
          () => true,
          () => false,
        ))
      ) {
        if (performance.now() > deadline) throw new Error("the broker has no coordinator for consumer groups");
        await Bun.sleep(200);
      }
    }
  } finally {
    await admin.disconnect();
  }
}
