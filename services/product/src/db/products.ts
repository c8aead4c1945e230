import type { Product } from "@shop/contracts/http/product";
import type { DataOf } from "@shop/contracts/messages/define";
import { ProductChanged } from "@shop/contracts/messages/product";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { inTransaction } from "@shop/database/transaction";
import { type Outgoing, outgoing } from "@shop/messaging/outgoing";
import { lockWithoutWaiting } from "@shop/database/locks";
import { and, desc, eq, isNull, lt, type SQL, sql } from "drizzle-orm";
import type { Item, Shelf } from "../domain/stock.ts";
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

/**
 * Reads the shelves of products, withdrawn ones too, and keeps them from being changed by others until the transaction ends.
 * They are locked in the order of their ids: so no two transactions wait for each other.
 */
export async function lockShelves(tx: Transaction, productIds: readonly string[]): Promise<ReadonlyMap<string, Shelf>> {
  const rows = await tx.execute<{ id: string; stock: number; is_withdrawn: boolean }>(sql`
    select id, stock, withdrawn_at is not null as is_withdrawn from product where id = any(${uuidArray(productIds)})
    order by id for no key update`);
  return new Map(rows.map(({ id, stock, is_withdrawn }) => [id, { stock, isWithdrawn: is_withdrawn }]));
}

/** Moves stock from locked shelves to orders, or back with negative quantities. */
export async function moveToOrders(tx: Transaction, items: readonly Item[]): Promise<void> {
  if (items.length === 0) return;
  await tx.execute(sql`
    update product set stock = stock - moved.quantity, taken = taken + moved.quantity
    from json_to_recordset(${jsonRows(items)}) as moved("productId" uuid, quantity int)
    where product.id = moved."productId" and product.id = any(${uuidArray(items.map(({ productId }) => productId))})`);
}

export function toProduct({ id, name, description, price, currency, stock, version }: ProductRow): Product {
  return { id, name, description, price, currency, stock, version };
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

/** A product whose stock its books do not explain: `broughtIn` must be `stock` and `taken` together, and `taken` what orders hold. */
export interface Imbalance {
  readonly productId: string;
  readonly name: string;
  readonly broughtIn: number;
  readonly stock: number;
  readonly taken: number;
  readonly held: number;
}

/** Rows of one statement: however many there are in all, none comes near the time that a statement may take. */
const AUDIT_PAGE = 20_000;

/**
 * Compares each product with its stock changes and with the orders that hold some of it, all as of one moment: read page by page under one
 * snapshot, so that no statement grows with the tables. It locks nothing.
 * @param page rows per statement
 * @returns null when `signal` was aborted before the end
 */
export async function imbalances(
  db: Database,
  signal: AbortSignal,
  page = AUDIT_PAGE,
): Promise<readonly Imbalance[] | null> {
  return inTransaction(db, async (tx) => {
    await tx.execute(sql`set transaction isolation level repeatable read, read only`);
    const held = await sumUp(
      tx,
      signal,
      (after) => sql`
      with page as (
        select order_id as place, status, items from reservation where order_id > ${after ?? FIRST_ID}::uuid order by order_id limit ${page})
      select ${lastPlace}, (select json_agg(sums) from (
        select item."productId", sum(item.quantity)::float8 as total
        from page, jsonb_to_recordset(items) as item("productId" uuid, quantity int) where status = 'TAKEN' group by 1) as sums) as sums`,
    );
    const broughtIn = await sumUp(
      tx,
      signal,
      (after) => sql`
      with page as (
        select id as place, product_id, delta from stock_change where id > ${after ?? "0"}::bigint order by id limit ${page})
      select ${lastPlace}, (select json_agg(sums) from (
        select product_id as "productId", sum(delta)::float8 as total from page group by 1) as sums) as sums`,
    );
    const found: Imbalance[] = [];
    for (let after = FIRST_ID; !signal.aborted;) {
      const rows = await tx.execute<{ id: string; name: string; stock: number; taken: number }>(sql`
        select id, name, stock, taken from product where id > ${after}::uuid order by id limit ${page}`);
      for (const { id, name, stock, taken } of rows) {
        const books = { broughtIn: broughtIn.get(id) ?? 0, held: held.get(id) ?? 0 };
        if (stock + taken !== books.broughtIn || taken !== books.held)
          found.push({ productId: id, name, stock, taken, ...books });
      }
      const last = rows.at(-1);
      if (last === undefined) return found;
      after = last.id;
    }
    return null;
  });
}

/** No id comes before it. */
const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const lastPlace = sql`(select page.place::text from page order by page.place desc limit 1) as last`;

interface AuditPage extends Record<string, unknown> {
  readonly last: string | null;
  readonly sums: readonly { readonly productId: string; readonly total: number }[] | null;
}

/** Sums up by product what pages give, until there is none left or `signal` is aborted. */
async function sumUp(
  tx: Transaction,
  signal: AbortSignal,
  pageAfter: (after: string | undefined) => SQL,
): Promise<ReadonlyMap<string, number>> {
  const totals = new Map<string, number>();
  for (let after: string | undefined; !signal.aborted;) {
    const [row] = await tx.execute<AuditPage>(pageAfter(after));
    if (!row?.last) break;
    for (const { productId, total } of row.sums ?? []) totals.set(productId, (totals.get(productId) ?? 0) + total);
    after = row.last;
  }
  return totals;
}
