/**
 * Code with one deliberate breach of each lint rule that this repository leans on, by path. A line that ends in `// breach: RULE` has to be reported
 * by that rule; nothing else may be reported, so what looks alike and is right stands beside it.
 */
export const CODE_TO_LINT: Readonly<Record<string, string>> = {
  // Nothing is sent unless it is awaited.
  "services/order/src/use-cases/unawaited.ts": `
import type { Database, Transaction } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { outbox } from "@shop/messaging/schema";

const row = { id: "1", topic: "order.events", key: "1", value: "{}" };

export async function place(db: Database, tx: Transaction): Promise<void> {
  tx.insert(outbox).values(row); // breach: typescript(no-floating-promises)
  tx.select().from(outbox); // breach: typescript(no-floating-promises)
  inTransaction(db, async (inner) => void (await inner.insert(outbox).values(row))); // breach: typescript(no-floating-promises)
  await tx.insert(outbox).values(row);
  await inTransaction(db, async (inner) => void (await inner.insert(outbox).values(row)));
}
`,
  "shared/messaging/src/unawaited.ts": `
import type { Producer } from "kafkajs";

export async function publish(producer: Producer): Promise<void> {
  producer.send({ topic: "order.events", messages: [] }); // breach: typescript(no-floating-promises)
  await producer.send({ topic: "order.events", messages: [] });
}
`,

  // What stands inside a transaction goes through the transaction.
  "services/order/src/use-cases/outer-database.ts": `
import type { Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { sql } from "drizzle-orm";
import { outbox } from "@shop/messaging/schema";

interface Context {
  readonly db: Database;
  readonly name: string;
}

export function countTwice(context: Context, orders: Database): Promise<unknown> {
  return inTransaction(orders, async (tx) => {
    await orders.select().from(outbox); // breach: shop(transaction-only)
    await context.db.execute(sql\`select 1\`); // breach: shop(transaction-only)
    return tx.select({ name: sql\`\${context.name}\` }).from(outbox);
  });
}

export const countInside = (db: Database): Promise<unknown> =>
  db.transaction(async (tx) => {
    const again = async (): Promise<unknown> => db.select().from(outbox); // breach: shop(transaction-only)
    const inner = (database: Database): Promise<unknown> => Promise.resolve(database);
    return [await again(), await inner(tx)];
  });

export const handlers = ({ db }: Context) => ({
  handle: async (tx: Database) => [await tx.select().from(outbox), await db.select().from(outbox)], // breach: shop(transaction-only)
  look: () => db.select().from(outbox),
});
`,

  // Layers.
  "shared/contracts/src/reaches-out.ts": `
import { SYSTEM_CLOCK } from "@shop/runtime/clock"; // breach: shop(import-layers)
import { Hono } from "hono"; // breach: shop(import-layers)
import { z } from "zod";
export const everything = [SYSTEM_CLOCK, Hono, z];
`,
  "shared/runtime/src/reaches-out.ts": `
import { MoneySchema } from "@shop/contracts/primitives"; // breach: shop(import-layers)
import { Hono } from "hono"; // breach: shop(import-layers)
export const everything = [MoneySchema, Hono];
`,
  "shared/runtime/src/otlp-reaches-out.ts": `
import { MoneySchema } from "@shop/contracts/primitives"; // breach: shop(import-layers)
import { Registry } from "prom-client"; // breach: shop(import-layers)
export const everything = [MoneySchema, Registry];
`,
  "shared/http/src/reaches-out.ts": `
import { inTransaction } from "@shop/database/transaction"; // breach: shop(import-layers)
import { Kafka } from "kafkajs"; // breach: shop(import-layers)
import { orderRoutes } from "../../../services/order/src/http/routes.ts"; // breach: shop(import-layers)
export const everything = [inTransaction, Kafka, orderRoutes];
`,
  "services/order/src/domain/reaches-out.ts": `
import { dirname } from "node:path"; // breach: shop(import-layers)
import type { Money } from "@shop/contracts/primitives";
import { MoneySchema } from "@shop/contracts/primitives"; // breach: shop(import-layers)
import { findOrder } from "../db/orders.ts"; // breach: shop(import-layers)
import { add } from "./money.ts";
export const everything = [dirname, MoneySchema, findOrder, add];
export type Price = Money;
`,
  "services/order/src/use-cases/reaches-out.ts": `
import { Hono } from "hono"; // breach: shop(import-layers)
import { Kafka } from "kafkajs"; // breach: shop(import-layers)
import { eventually } from "@shop/testing/eventually"; // breach: shop(import-layers)
import { startKafka } from "@shop/local/kafka"; // breach: shop(import-layers)
import { products } from "../../../product/src/db/schema.ts"; // breach: shop(import-layers)
import { stock } from "@shop/product-service/stock"; // breach: shop(import-layers)
import { orderRoutes } from "../http/routes.ts"; // breach: shop(import-layers)
import { orderHandlers } from "../messages/handlers.ts"; // breach: shop(import-layers)
import { seed } from "../testing/seed.ts"; // breach: shop(import-layers)
import { readConfig } from "../config.ts"; // breach: shop(import-layers)
import type { Config } from "../config.ts";
import { findOrder } from "../db/orders.ts";
export const everything = [seed, Hono, Kafka, eventually, startKafka, products, stock, orderRoutes, orderHandlers, findOrder, readConfig];
export type Settings = Config;
`,
  "services/order/src/http/reaches-out.ts": `
import { eq } from "drizzle-orm"; // breach: shop(import-layers)
import postgres from "postgres"; // breach: shop(import-layers)
import { inTransaction } from "@shop/database/transaction"; // breach: shop(import-layers)
import { orderHandlers } from "../messages/handlers.ts"; // breach: shop(import-layers)
import { placeOrder } from "../use-cases/place-order.ts";
export { Kafka } from "kafkajs"; // breach: shop(import-layers)
export const everything = [eq, postgres, inTransaction, orderHandlers, placeOrder, import("kafkajs")]; // breach: shop(import-layers)
`,
  "services/order/src/http/reaches-out.test.ts": `
import { eventually } from "@shop/testing/eventually";
import { stock } from "../../../product/src/db/schema.ts"; // breach: shop(import-layers)
export const everything = [eventually, stock];
`,

  // Time, chance and settings come from outside.
  "services/order/src/domain/impure.ts": `
export const now = (): Date => new Date(); // breach: shop(pure-domain)
export const alsoNow = (): number => Date.now(); // breach: shop(pure-domain)
export const id = (): string => crypto.randomUUID(); // breach: shop(pure-domain)
export const at = (ms: number): Date => new Date(ms);
`,
  "services/order/src/config.ts": `
import { env } from "bun"; // breach: shop(no-environment)
const { env: again } = process; // breach: shop(no-environment)
export const read = [env, again, process.env["PORT"], 1]; // breach: shop(no-environment)
export const readOnBun = Bun.env["PORT"]; // breach: shop(no-environment)
`,
  "services/order/src/main.ts": `
export const port = process.env["PORT"];
`,

  // An error's text may hold secrets.
  "services/order/src/use-cases/tells-errors.ts": `
import { errorText, ExplainedError } from "@shop/runtime/errors";
export async function tell(work: () => Promise<string>, say: (text: string) => void): Promise<string> {
  try {
    return await work();
  } catch (given) {
    say(String(given)); // breach: shop(error-text)
    say("it failed: " + given); // breach: shop(error-text)
    if (given instanceof ExplainedError) return given.explanation;
    if (given instanceof Error) {
      say(\`it failed: \${given}\`); // breach: shop(error-text)
      say(given.message); // breach: shop(error-text)
      say(given.stack ?? ""); // breach: shop(error-text)
      say((given.cause as Error).message); // breach: shop(error-text)
      const { message } = given; // breach: shop(error-text)
      say(message);
    }
    return errorText(given);
  }
}
export const later = (work: Promise<string>): Promise<string> =>
  work.catch((thrown: Error) => \`it failed: \${thrown}\`); // breach: shop(error-text)
export const reasonOf = (error: Error): string => error.message; // breach: shop(error-text)
export const titleOf = (news: { message: string }, reason: string): string => news.message + reason;
`,

  // Types are not talked out of it, errors not swallowed, tests not switched off.
  "services/order/src/use-cases/careless.ts": `
export const price = "1" as unknown as number; // breach: shop(no-double-assertion)
export const anything: any = 1; // breach: typescript(no-explicit-any)
// @ts-ignore // breach: typescript(ban-ts-comment)
export const text: string = 1;
export function quietly(work: () => void): void {
  try {
    work();
  } catch {} // breach: eslint(no-empty)
}
`,
  "services/order/src/use-cases/careless.test.ts": `
import { expect, test } from "bun:test";
test.only("alone", () => expect(1).toBe(1)); // breach: eslint(no-restricted-properties)
test.skip("not today", () => expect(1).toBe(1)); // breach: eslint(no-restricted-properties)
test.skipIf(true)("not here", () => expect(1).toBe(1)); // breach: eslint(no-restricted-properties)
test.todo("not yet"); // breach: eslint(no-restricted-properties)
`,

  "services/order/src/use-cases/loose.ts": `
import { Money } from "@shop/contracts/primitives"; // breach: typescript(consistent-type-imports)

export const price: Money = 1;
export const same = price == 1; // breach: eslint(eqeqeq)
export default price; // breach: import(no-default-export)
`,
  "services/order/src/use-cases/old-style.ts": `
export function say(words: readonly string[]): string {
  var first = String(words[0]); // breach: eslint(no-var)
  let last = String(words.at(-1)); // breach: eslint(prefer-const)
  console.log(first); // breach: eslint(no-console)
  return first + last;
}
`,
  "services/order/src/use-cases/trusting.ts": `
type Status = "PENDING" | "COMPLETE" | "CANCELLED";

export const length = (text: string | undefined): number => text!.length; // breach: typescript(no-non-null-assertion)
export function refuse(): never {
  throw "refused"; // breach: typescript(only-throw-error)
}
export function has(rows: readonly string[], look: () => Promise<boolean>): boolean {
  return look() ? rows.length > 0 : false; // breach: typescript(no-misused-promises)
}
export function each(rows: readonly string[], look: (row: string) => Promise<void>): void {
  rows.forEach(async (row) => look(row)); // breach: typescript(no-misused-promises)
}
export function word(status: Status): string {
  switch (status) { // breach: typescript(switch-exhaustiveness-check)
    case "PENDING":
      return "waits";
    case "COMPLETE":
      return "done";
  }
  return "gone";
}
export function wordOrDefault(status: Status): string {
  switch (status) {
    case "PENDING":
      return "waits";
    default:
      return "ended";
  }
}
`,
  "services/order/src/use-cases/hen.ts": `
import { egg } from "./egg.ts"; // breach: import(no-cycle)
export const hen = (): unknown => egg();
`,
  "services/order/src/use-cases/egg.ts": `
import { hen } from "./hen.ts"; // breach: import(no-cycle)
export const egg = (): unknown => hen();
`,

  // Layers that the files above do not belong to. Each refuses a module of ours and, where it names its packages, a package.
  "tests/sim/reaches-out.ts": `
import { startGateway } from "@shop/gateway-service/service"; // breach: shop(import-layers)
import { orderService } from "@shop/order-service/service";
import postgres from "postgres";
export const everything = [startGateway, orderService, postgres];
`,
  "tests/e2e/reaches-out.ts": `
import { orderService } from "@shop/order-service/service"; // breach: shop(import-layers)
import { connectShop } from "@shop/client/shop";
export const everything = [orderService, connectShop];
`,
  "shared/testing/src/reaches-out.ts": `
import { connectShop } from "@shop/client/shop"; // breach: shop(import-layers)
import { startKafka } from "@shop/local/kafka";
export const everything = [connectShop, startKafka];
`,
  "deploy/local/src/reaches-out.ts": `
import { orderService } from "@shop/order-service/service"; // breach: shop(import-layers)
import { eventually } from "@shop/testing/eventually"; // breach: shop(import-layers)
import { connectShop } from "@shop/client/shop";
export const everything = [orderService, eventually, connectShop];
`,
  "services/order/drizzle.config.ts": `
import { outbox } from "@shop/messaging/schema"; // breach: shop(import-layers)
import { z } from "zod"; // breach: shop(import-layers)
import { defineConfig } from "drizzle-kit";
export default [outbox, z, defineConfig];
`,
  "shared/client/src/reaches-out.ts": `
import { readFileSync } from "node:fs"; // breach: shop(import-layers)
import { MoneySchema } from "@shop/contracts/primitives"; // breach: shop(import-layers)
import { newId } from "@shop/runtime/ids"; // breach: shop(import-layers)
import type { Money } from "@shop/contracts/primitives";
import { SYSTEM_CLOCK } from "@shop/runtime/clock";
export const everything = [readFileSync, MoneySchema, newId, SYSTEM_CLOCK];
export type Price = Money;
`,
  "shared/database/src/reaches-out.ts": `
import { Hono } from "hono"; // breach: shop(import-layers)
import { outbox } from "@shop/messaging/schema"; // breach: shop(import-layers)
import { SYSTEM_CLOCK } from "@shop/runtime/clock";
export const everything = [Hono, outbox, SYSTEM_CLOCK];
`,
  "shared/messaging/src/reaches-out.ts": `
import { Hono } from "hono"; // breach: shop(import-layers)
import { problem } from "@shop/http/problem"; // breach: shop(import-layers)
import { inTransaction } from "@shop/database/transaction";
export const everything = [Hono, problem, inTransaction];
`,
  "shared/docs/src/reaches-out.ts": `
import { eq } from "drizzle-orm"; // breach: shop(import-layers)
import { SYSTEM_CLOCK } from "@shop/runtime/clock"; // breach: shop(import-layers)
import { problem } from "@shop/http/problem";
export const everything = [eq, SYSTEM_CLOCK, problem];
`,
  "shared/service/src/reaches-out.ts": `
import { Kafka } from "kafkajs"; // breach: shop(import-layers)
import { connectShop } from "@shop/client/shop"; // breach: shop(import-layers)
import { inTransaction } from "@shop/database/transaction";
export const everything = [Kafka, connectShop, inTransaction];
`,
  "services/frontend/src/browser/reaches-out.ts": `
import { z } from "zod"; // breach: shop(import-layers)
import { readCookie } from "../session/cookies.ts"; // breach: shop(import-layers)
import { MoneySchema } from "@shop/contracts/primitives"; // breach: shop(import-layers)
import { readPreferences } from "../pages/preferences.ts"; // breach: shop(import-layers)
import type { Money } from "@shop/contracts/primitives";
import type { Preferences } from "../pages/preferences.ts";
import { PATHS } from "../pages/paths.ts";
export const everything = [z, readCookie, MoneySchema, readPreferences, PATHS];
export type Both = [Money, Preferences];
`,
  "services/order/src/db/reaches-out.ts": `
import { z } from "zod"; // breach: shop(import-layers)
import { placeOrder } from "../use-cases/place-order.ts"; // breach: shop(import-layers)
import { advance } from "../saga/state.ts"; // breach: shop(import-layers)
import { startRelay } from "@shop/messaging/outbox/relay"; // breach: shop(import-layers)
import type { SagaState } from "../saga/state.ts";
import { outbox } from "@shop/messaging/schema";
export const everything = [z, placeOrder, advance, startRelay, outbox];
export type State = SagaState;
`,
  "services/orchestrator/src/sagas/reaches-out.ts": `
import { z } from "zod"; // breach: shop(import-layers)
import { findSaga } from "../db/sagas.ts"; // breach: shop(import-layers)
import { SYSTEM_CLOCK } from "@shop/runtime/clock"; // breach: shop(import-layers)
import { backoff } from "@shop/runtime/backoff";
export const everything = [z, findSaga, SYSTEM_CLOCK, backoff];
`,
  "services/order/src/messages/reaches-out.ts": `
import { Kafka } from "kafkajs"; // breach: shop(import-layers)
import { inTransaction } from "@shop/database/transaction"; // breach: shop(import-layers)
import { orderRoutes } from "../http/routes.ts"; // breach: shop(import-layers)
import type { Transaction } from "@shop/database/connect";
import { placeOrder } from "../use-cases/place-order.ts";
export const everything = [Kafka, inTransaction, orderRoutes, placeOrder];
export type Tx = Transaction;
`,
  "services/user/src/credentials/reaches-out.ts": `
import { eq } from "drizzle-orm"; // breach: shop(import-layers)
import { userRoutes } from "../http/routes.ts"; // breach: shop(import-layers)
import { users } from "../db/schema.ts"; // breach: shop(import-layers)
import type { PrivateJwk } from "../db/schema.ts";
import { TOTP } from "otpauth";
export const everything = [eq, userRoutes, users, TOTP];
export type Key = PrivateJwk;
`,
  "services/user/src/mail/reaches-out.ts": `
import { eq } from "drizzle-orm"; // breach: shop(import-layers)
import { users } from "../db/schema.ts"; // breach: shop(import-layers)
import { createTransport } from "nodemailer";
export const everything = [eq, users, createTransport];
`,
  "services/order/src/service.ts": `
import { Kafka } from "kafkajs"; // breach: shop(import-layers)
import { products } from "../../product/src/db/schema.ts"; // breach: shop(import-layers)
import { connectShop } from "@shop/client/shop"; // breach: shop(import-layers)
import { orderRoutes } from "./http/routes.ts";
export const everything = [Kafka, products, connectShop, orderRoutes];
`,
};
