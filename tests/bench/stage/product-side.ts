import { enter } from "@shop/local/demo/enter";
import type { System } from "@shop/local/system";
import { eventually } from "@shop/testing/eventually";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { serviceNames } from "@shop/contracts/services";
import type { PlannedRequest } from "../driver/plan.ts";
import { atMost } from "../load.ts";
import { tokenOf } from "../../support/requests.ts";
import { signUp } from "../../support/sign-up.ts";
import { untilAnswered } from "../../support/until-answered.ts";
import { type Servers, startServers } from "./servers.ts";
import { COMMITTED_AT, type Side } from "./side.ts";

const CUSTOMERS = 20;
const PRODUCTS = 200;
const STOCK_EACH = 10_000_000;
const CATALOGUE_WITHIN_MS = 60_000;
/** Access tokens are good for 15 minutes. */
const TOKENS_GOOD_FOR_MS = 8 * 60_000;
const ADDRESS = "1 Sejong-daero, Jung-gu, Seoul";

export interface ProductOptions {
  readonly name: string;
  /** Of a checkout with its dependencies installed. */
  readonly root: string;
  readonly partitions: number;
  /** For every service, beside the benchmark's own. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
}

export interface ProductSide extends Side {
  readonly system: System;
}

/** Starts the product with everything on, by the checkout's own `deploy/local`, so that another revision starts as it was meant to. */
export async function startProduct(options: ProductOptions): Promise<ProductSide> {
  const { name, root, partitions, settings, onLine } = options;
  const { startSystem } = (await import(
    join(root, "deploy/local/src/system.ts")
  )) as typeof import("@shop/local/system");
  // Another revision may have it where it was before it had a package of its own.
  const places = ["deploy/books/src/books.ts", "deploy/local/src/books.ts"].map((path) => join(root, path));
  const { readBooks } = (await import(
    places.find((path) => existsSync(path)) ?? ""
  )) as typeof import("@shop/books/books");
  const servers = await startServers(serviceNames);
  try {
    const { databaseUrls, kafkaBrokers } = servers.infrastructure;
    const addresses = [...databaseUrls].map(([owner, url]) => [`${owner.toUpperCase()}_DATABASE_URL`, url]);
    const startedAt = performance.now();
    const system = await startSystem({
      environment: { ...process.env, ...Object.fromEntries(addresses), KAFKA_BROKERS: kafkaBrokers },
      ports: "free",
      settings: {
        SEED_DEMO_DATA: "true",
        LOG_LEVEL: "warn",
        KAFKA_PARTITIONS: String(partitions),
        // It protects the system from single users; the load comes from few.
        RATE_LIMIT_PER_USER_PER_SECOND: "1000000",
        ...settings,
      },
      onLine: (process, line) => onLine(`${name} ${process}: ${line}`),
    });
    const readyMs = performance.now() - startedAt;
    const stop = async () => {
      await system.stop();
      await servers.stop();
    };
    try {
      const verify = () =>
        eventually(
          async () => {
            const { findings } = await readBooks(databaseUrls);
            if (findings.length > 0)
              throw new Error(`${name}: the books do not balance: ${findings.slice(0, 20).join("; ")}`);
          },
          { pauseMs: 500 },
        );
      return { ...(await populate(system, servers)), name, servers, readyMs, system, verify, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

type Populated = Omit<ProductSide, "name" | "servers" | "readyMs" | "system" | "verify" | "stop">;

/** Signs customers up, and makes products that can be ordered. */
async function populate(system: System, servers: Servers): Promise<Populated> {
  const { frontendUrl, services, supervisor } = system;
  const names = Array.from({ length: CUSTOMERS }, (_, index) => `load-${index}`);
  await atMost(4, names, (username) => signUp(frontendUrl, username));
  const admin = await untilAnswered(() => enter(frontendUrl, "admin"));
  const productIds = await atMost(8, Array.from({ length: PRODUCTS }), async (_, index) => {
    const product = { name: `Load ${index}`, price: 1_000, currency: "KRW", stock: STOCK_EACH } as const;
    return (await untilAnswered(() => admin.createProduct(product))).id;
  });
  await untilOrderable(servers, productIds);
  const tokens = freshTokens(frontendUrl, names);
  let placed = 0;
  return {
    origin: frontendUrl,
    processes: () => supervisor.pids(),
    metricsUrls: new Map(
      Object.entries(services).map(([process, { managementUrl }]) => [process, `${managementUrl}/metrics`]),
    ),
    async placeOrders(count) {
      const { customers } = await tokens();
      return Array.from({ length: count }, (): PlannedRequest => {
        placed += 1;
        const item = { productId: productIds[placed % productIds.length], quantity: 3 };
        return {
          method: "POST",
          path: "/api/orders",
          headers: {
            authorization: `Bearer ${customers[placed % customers.length]}`,
            "content-type": "application/json",
            ...(placed % 2 === 0 && { "idempotency-key": `bench-${placed}` }),
          },
          body: JSON.stringify({ items: [item], deliveryAddress: ADDRESS }),
        };
      });
    },
    deliveries: {
      database: "delivery",
      query: `select order_id, id, ${COMMITTED_AT} from delivery where order_id = any($1::uuid[])`,
    },
    completion: {
      async complete(deliveryIds) {
        const { rider } = await tokens();
        return deliveryIds.map((id) => ({
          method: "PUT",
          path: `/api/deliveries/${id}/complete`,
          headers: { authorization: `Bearer ${rider}` },
          body: "",
        }));
      },
      completed: {
        database: "order",
        query: `select id as order_id, id, ${COMMITTED_AT} from orders where id = any($1::uuid[]) and status = 'COMPLETE'`,
      },
    },
  };
}

interface Tokens {
  readonly customers: readonly string[];
  readonly rider: string;
}

/** Logs all in, and again when their tokens have become old. */
function freshTokens(url: string, customers: readonly string[]): () => Promise<Tokens> {
  const logIn = (name: string, password?: string) => eventually(() => tokenOf(url, name, password), { pauseMs: 200 });
  let tokens: Tokens | undefined;
  let oldAt = 0;
  return async () => {
    if (tokens !== undefined && performance.now() < oldAt) return tokens;
    oldAt = performance.now() + TOKENS_GOOD_FOR_MS;
    tokens = {
      customers: await atMost(4, customers, (name) => logIn(name, `${name}-secret-word`)),
      rider: await logIn("rider"),
    };
    return tokens;
  };
}

/** The order service takes orders for what its copy of the catalogue holds. */
async function untilOrderable(servers: Servers, productIds: readonly string[]): Promise<void> {
  const order = servers.connect("order");
  await eventually(
    async () => {
      const [row] = await order<{ n: number }[]>`
        select count(*)::int as n from catalogue where product_id = any(${productIds as string[]}::uuid[])`;
      if (row?.n !== productIds.length) throw new Error("products are missing in the order service's catalogue");
    },
    { deadlineMs: CATALOGUE_WITHIN_MS, pauseMs: 50 },
  );
}
