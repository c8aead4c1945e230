import { judgeAccounts, type OrderRow, readAccounts, stockHeld } from "./accounts.ts";

/** A product's stock and where it went, in pieces. */
export interface ProductAccount {
  readonly id: string;
  readonly name: string;
  /** Initial stock and all changes by hand. */
  readonly broughtIn: number;
  readonly stock: number;
  /** Held by orders that are not cancelled. */
  readonly ordered: number;
}

export interface Books {
  readonly products: readonly ProductAccount[];
  readonly orders: Readonly<Record<OrderRow["status"], number>>;
  /** Messages that could not be handled, with their causes. */
  readonly deadLetters: readonly string[];
  /** Outbox rows that Kafka has not acknowledged. */
  readonly unsent: number;
  /** What breaks a rule, each as a sentence that names the order or product; empty when the books balance. */
  readonly findings: readonly string[];
}

/**
 * Compares the databases of a system that is idle: stock against orders, deliveries and sagas. It only reads.
 * While messages are still on their way it finds what they would have settled; ask again until nothing changes.
 * @param databaseUrls by service
 */
export async function readBooks(databaseUrls: ReadonlyMap<string, string>): Promise<Books> {
  const accounts = await readAccounts(databaseUrls);
  const { orders, products, deadLetters, unsent } = accounts;
  const ordered = stockHeld(accounts);
  const count = (status: OrderRow["status"]) => orders.filter((order) => order.status === status).length;
  return {
    products: products.map((product) => ({ ...product, ordered: ordered.get(product.id) ?? 0 })),
    orders: { PENDING: count("PENDING"), COMPLETE: count("COMPLETE"), CANCELLED: count("CANCELLED") },
    deadLetters,
    unsent,
    findings: judgeAccounts(accounts).map(({ text }) => text),
  };
}
