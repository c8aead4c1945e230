import type { Product } from "@shop/contracts/http/product";
import type { DataOf } from "@shop/contracts/messages/define";
import { ProductChanged } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { jsonValue, statement, uuidsValue } from "@shop/database/statement";
import { alongside } from "@shop/database/transaction";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { lockWithoutWaiting } from "@shop/database/locks";
import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import type { Item, StockLevel } from "../domain/stock.ts";
import { product } from "./schema.ts";

export type ProductRow = typeof product.$inferSelect;

/** Locks products, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeProducts = (tx: Transaction, productIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`product`, column: sql`product.id` }, productIds);

export async function findProduct(db: ReadDatabase, id: string): Promise<Product | undefined> {
  const [row] = await db.select().from(product).where(onSale(id));
  return row && toProduct(row);
}

/** Reads a product on sale and keeps it from being changed by others until the transaction ends. */
async function lockProduct(tx: Transaction, id: string): Promise<ProductRow | undefined> {
  const [row] = await tx.select().from(product).where(onSale(id)).for("no key update");
  return row;
}

/** A change that was not made: there is no such product on sale, or it has another version than the caller wants to change. */
export type ChangeRefusal =
  | { readonly kind: "refused"; readonly code: "NOT_FOUND" }
  | { readonly kind: "refused"; readonly code: "VERSION_MISMATCH"; readonly product: Product };

/** Wants to change whichever version there is. */
export const whichever = (): boolean => true;

/**
 * Locks a product on sale that is to be changed, if its version is one that the caller wants to change. Under the lock the version stays
 * as it is: of two who change the same version at once, the second finds the version of the first.
 */
export async function lockVersion(
  tx: Transaction,
  id: string,
  isWanted: (version: number) => boolean,
): Promise<{ readonly kind: "locked"; readonly row: ProductRow } | ChangeRefusal> {
  const row = await lockProduct(tx, id);
  if (row === undefined) return { kind: "refused", code: "NOT_FOUND" };
  if (!isWanted(row.version)) return { kind: "refused", code: "VERSION_MISMATCH", product: toProduct(row) };
  return { kind: "locked", row };
}

const onSale = (id: string) => and(eq(product.id, id), isNull(product.withdrawnAt));

/** Products on sale, newest first: UUIDv7 sorts by time. */
export async function listProducts(
  db: ReadDatabase,
  page: { readonly afterId: string | undefined; readonly limit: number },
): Promise<readonly Product[]> {
  const { afterId, limit } = page;
  const rows = await db
    .select()
    .from(product)
    .where(and(isNull(product.withdrawnAt), afterId === undefined ? undefined : lt(product.id, afterId)))
    .orderBy(desc(product.id))
    .limit(limit);
  return rows.map(toProduct);
}

const lockStockLevelRows = statement<{ id: string; stock: number; is_withdrawn: boolean }, "ids">(
  (value) => sql`
    select id, stock, withdrawn_at is not null as is_withdrawn from product where id = any(${value("ids")}::uuid[])
    order by id for no key update`,
);

/**
 * Reads the stock levels of products, withdrawn ones too, and keeps them from being changed by others until the transaction ends.
 * They are locked in the order of their ids: so no two transactions wait for each other.
 */
export async function lockStockLevels(
  tx: Transaction,
  productIds: readonly string[],
): Promise<ReadonlyMap<string, StockLevel>> {
  const rows = await lockStockLevelRows(tx, { ids: uuidsValue(productIds) });
  return new Map(rows.map(({ id, stock, is_withdrawn }) => [id, { stock, isWithdrawn: is_withdrawn }]));
}

const moveStock = statement<never, "items" | "ids">(
  (value) => sql`
    update product set stock = stock - moved.quantity, taken = taken + moved.quantity
    from json_to_recordset(${value("items")}::json) as moved("productId" uuid, quantity int)
    where product.id = moved."productId" and product.id = any(${value("ids")}::uuid[])`,
);

/** Moves stock from locked stock levels to orders, or back with negative quantities. The transaction continues meanwhile. */
export function moveToOrders(tx: Transaction, items: readonly Item[]): void {
  if (items.length === 0) return;
  const ids = uuidsValue(items.map(({ productId }) => productId));
  alongside(tx, moveStock(tx, { items: jsonValue(items), ids }));
}

export function toProduct({ id, name, description, price, currency, stock, version }: ProductRow): Product {
  return { id, name, description, price, currency, stock, version };
}

/** What an admin says of a product, for the audit trail. */
export function shownFacts({ name, description, price, currency, version }: Omit<Product, "id" | "stock">) {
  return { name, description, price, currency, version };
}

type Announced = Pick<ProductRow, "id" | "name" | "price" | "currency" | "version" | "withdrawnAt">;

/** The news of how a product stands now, keyed by the product. */
export function productChanged(row: Announced, causedBy: string | undefined): Outgoing {
  const { id: productId, name, price, currency, version, withdrawnAt } = row;
  const data: DataOf<typeof ProductChanged> = {
    productId,
    name,
    price,
    currency,
    withdrawn: withdrawnAt !== null,
    version,
  };
  return outgoing(ProductChanged, productId, data, causedBy);
}
