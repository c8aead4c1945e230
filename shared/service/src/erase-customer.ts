import { Uuid } from "@shop/contracts/primitives";
import type { ServiceName } from "@shop/contracts/services";
import type { Transaction } from "@shop/database/connect";
import type { MigrationSet } from "@shop/database/migrate";
import { inTransaction } from "@shop/database/transaction";
import { ConfigError } from "@shop/runtime/config";
import { ExplainedError } from "@shop/runtime/errors";
import { runOnce } from "./run-once.ts";

/** What an erasure has found. */
export interface Erasure {
  /** Rows that say nothing of the customer any more. */
  readonly erased: number;
  /** What is in flight and was left as it is: orders that have not ended, messages that have not been sent. */
  readonly left: number;
}

/** Erases what this service knows of a customer, but for what is in flight. It can be repeated. */
export type EraseCustomer = (tx: Transaction, customerId: string) => Promise<Erasure>;

/**
 * Erases a customer in one service's database, and leaves with 0 when nothing of them is left there; or with 1, so that it is run again later.
 * @param words of the command line: the customer's id
 * @throws ConfigError
 */
export function runErasure(
  service: { readonly name: ServiceName; readonly migrations: readonly MigrationSet[] },
  erase: EraseCustomer,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const [given, ...others] = words;
  const customerId = Uuid.safeParse(given);
  if (others.length > 0 || !customerId.success)
    throw new ConfigError(`usage: bun services/${service.name}/src/erase-customer.ts ID, with the id of a customer`);
  runOnce(
    {
      ...{ name: service.name, migrations: service.migrations, migrates: false },
      failure: { event: "ERASURE_INCOMPLETE", sentence: "the customer is not erased yet" },
      async work({ db, logger }) {
        const { erased, left } = await inTransaction(db, (tx) => erase(tx, customerId.data));
        logger.info("CUSTOMER_ERASED", "what has ended says nothing of the customer any more", { erased, left });
        if (left > 0)
          throw new ExplainedError(
            `${left} orders or messages of the customer are in flight: run this again when they have ended`,
          );
      },
    },
    environment,
  );
}
