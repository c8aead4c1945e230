import { type Books, readBooks } from "@shop/books/books";
import type { Shop } from "@shop/client/shop";
import type { Product } from "@shop/contracts/http/product";
import { enter, visitor } from "./demo/enter.ts";
import { tapMessages } from "./demo/message-tap.ts";
import { orderWith, Story, until } from "./demo/story.ts";
import { leaveOnSignal } from "./leave-on-signal.ts";
import { SetupError } from "./setup-error.ts";
import { startSystem, type System } from "./system.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const startedAt = performance.now();
const elapsed = () => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;

let starting: Promise<System> | undefined;
leaveOnSignal(async () => {
  // One that failed has stopped what it had started, and said so below.
  const system = await starting?.catch(() => undefined);
  await system?.stop();
}, say);

/** Throws with a sentence when the demonstration did not come out right. */
function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

async function placeOrder(customer: Shop, story: Story, product: Product, quantity: number): Promise<string> {
  const items = [{ productId: product.id, quantity }];
  const { id } = await customer.createOrder({ items, deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul" });
  story.follow(id);
  return id;
}

/** Enough for a process that starts: each attempt waits for as long as the answer before asks for. */
const STARTING = { attempts: 10 };

/** Waits until order and delivery verify access tokens: each process fetches the keys in the background, and answers 503 until it has them. */
async function untilTokensAreVerified(url: string): Promise<void> {
  const customer = await enter(url, "customer", "customer-password", STARTING);
  const rider = await enter(url, "rider", "rider-password", STARTING);
  await Promise.all([customer.listOrders({ limit: 1 }), rider.listDeliveries({ limit: 1 })]);
}

async function tell(system: System): Promise<void> {
  const url = system.frontendUrl;
  const story = new Story(say);
  const tap = await tapMessages({
    brokers: system.kafkaBrokers,
    prefix: process.env["TOPIC_PREFIX"] ?? "",
    onMessage: (message) => story.hear(message),
  });
  try {
    await untilTokensAreVerified(url);
    story.begin("Log in");
    const customer = await enter(url, "customer", "customer-password", story.callsOf("customer"));
    const rider = await enter(url, "rider", "rider-password", story.callsOf("rider"));
    const { items: products } = await visitor(url).listProducts({ limit: 100 });
    const inStock = products.find(({ stock }) => stock > 10);
    const soldOut = products.find(({ stock }) => stock === 0);
    if (inStock === undefined || soldOut === undefined)
      throw new Error("the demo data lacks a product with stock and one without");
    story.begin(`1. A bought order: two of "${inStock.name}"`);
    const bought = await placeOrder(customer, story, inStock, 2);
    await orderWith(customer, bought, "progress", "WAITING_FOR_RIDER");
    const [delivery] = (await rider.listDeliveries({ orderId: bought })).items;
    await rider.completeDelivery(delivery?.id ?? "");
    await orderWith(customer, bought, "status", "COMPLETE");
    await story.untilHeard("OrderCompleted");
    story.note("the order is COMPLETE");

    story.begin(`2. An order for "${soldOut.name}", of which there is none`);
    const refused = await placeOrder(customer, story, soldOut, 1);
    const { cancelReason } = await orderWith(customer, refused, "status", "CANCELLED");
    await story.untilHeard("OrderCancelled");
    story.note(`the order is CANCELLED: ${String(cancelReason)}`);
    expectThat(
      cancelReason === "OUT_OF_STOCK",
      `it should have been cancelled for OUT_OF_STOCK, not ${String(cancelReason)}`,
    );

    story.begin(`3. An order for three of "${inStock.name}" that the customer cancels while it waits for a rider`);
    const cancelled = await placeOrder(customer, story, inStock, 3);
    await orderWith(customer, cancelled, "progress", "WAITING_FOR_RIDER");
    await customer.cancelOrder(cancelled);
    await orderWith(customer, cancelled, "status", "CANCELLED");
    await story.untilHeard("OrderCancelled");
    story.note("the order is CANCELLED, and its stock is back");

    const books = await until(
      "that the books balance",
      () => readBooks(system.databaseUrls),
      ({ findings }) => findings.length === 0,
    );
    showBooks(books);
    expectThat(books.deadLetters.length === 0, `there are dead letters: ${books.deadLetters.join("; ")}`);
    expectThat(books.orders.COMPLETE === 1 && books.orders.CANCELLED === 2, "not every order came out as it should");
  } finally {
    await tap.stop();
  }
}

function showBooks({ products, orders }: Books): void {
  say("\nThe books: what came in, what is left, what orders hold");
  for (const { name, broughtIn, stock, ordered } of products) {
    say(
      `  ${name.padEnd(34)} ${String(broughtIn).padStart(5)} − ${String(stock).padStart(5)} = ${String(ordered).padStart(3)}`,
    );
  }
  say(
    `  They balance. Orders: ${orders.COMPLETE} complete, ${orders.CANCELLED} cancelled, ${orders.PENDING} pending; nothing unsent, no dead letters.`,
  );
}

try {
  say("Order and delivery: a saga over Kafka and PostgreSQL, on this machine\n");
  const logs: string[] = [];
  starting = startSystem({
    environment: process.env,
    ports: "free",
    settings: { SEED_DEMO_DATA: "true", LOG_LEVEL: "warn" },
    progress: (text) => say(`  ${text}`),
    onLine: (name, line) => logs.push(`${name} ${line}`),
  });
  const system = await starting;
  say(`  All services are ready after ${elapsed()}`);
  try {
    await tell(system);
    say(
      `\nAll came out right, in ${elapsed()}. Next: \`bun run dev\` leaves the system running at http://localhost:8080`,
    );
  } catch (error) {
    say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    say(`The last lines of the services' logs:\n${logs.slice(-20).join("\n")}`);
    process.exitCode = 1;
  } finally {
    await system.stop();
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`\n${error.message}`);
  process.exitCode = 1;
}
process.exit();
