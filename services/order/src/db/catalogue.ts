import type { DataOf } from "@shop/contracts/messages/define";
import type { ProductChanged } from "@shop/contracts/messages/product";
import type { Database, Transaction } from "@shop/database/connect";
import { jsonRows } from "@shop/database/rows";
import { statement, uuidsValue } from "@shop/database/statement";
import { lockWithoutWaiting } from "@shop/database/locks";
import { eq, sql } from "drizzle-orm";
import type { CatalogueEntry } from "../domain/pricing.ts";
import { catalogue, catalogueAnnouncement } from "./schema.ts";

/** Locks entries of the catalogue, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeEntries = (tx: Transaction, productIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`catalogue`, column: sql`catalogue.product_id` }, productIds);

const readEntries = statement<CatalogueEntry & Record<string, unknown>, "ids">(
  (value) => sql`
    select product_id as "productId", name, price::float8 as price, withdrawn from catalogue
    where product_id = any(${value("ids")}::uuid[])`,
  { goesWithBegin: true },
);

export async function readCatalogue(
  tx: Transaction,
  productIds: readonly string[],
): Promise<ReadonlyMap<string, CatalogueEntry>> {
  const rows = await readEntries(tx, { ids: uuidsValue(productIds) });
  return new Map(rows.map((row) => [row.productId, row]));
}

/** Takes over what has changed. An older version never replaces a newer one, in whatever order they come. */
export async function updateCatalogue(
  tx: Transaction,
  changes: readonly DataOf<typeof ProductChanged>[],
): Promise<void> {
  await tx.execute(sql`
    insert into catalogue (product_id, name, price, currency, withdrawn, version)
    select "productId", name, price, currency, withdrawn, version from json_to_recordset(${jsonRows(changes)})
      as r("productId" uuid, name text, price bigint, currency text, withdrawn boolean, version int)
    order by "productId"
    on conflict (product_id) do update set
      name = excluded.name, price = excluded.price, currency = excluded.currency,
      withdrawn = excluded.withdrawn, version = excluded.version
    where catalogue.version < excluded.version`);
}

export async function catalogueIsEmpty(db: Database): Promise<boolean> {
  const rows = await db.select({ productId: catalogue.productId }).from(catalogue).limit(1);
  return rows.length === 0;
}

/** Takes over how many products were announced. */
export async function noteAnnouncement(tx: Transaction, products: number): Promise<void> {
  const announcement = { products, complete: false };
  await tx
    .insert(catalogueAnnouncement)
    .values({ id: 1, ...announcement })
    .onConflictDoUpdate({ target: catalogueAnnouncement.id, set: announcement });
}

/** Whether all products that were announced are here; false before the first announcement. */
export async function catalogueIsComplete(db: Database): Promise<boolean> {
  const [row] = await db.execute<{ complete: boolean }>(sql`
    select case
        when products = 0 then true
        when complete then exists (select from catalogue)
        else products <= (select count(*) from catalogue)
      end as complete
    from catalogue_announcement`);
  return row?.complete ?? false;
}

/** Saves counting the catalogue again. To be called when it is complete. */
export async function markComplete(db: Database): Promise<void> {
  await db.update(catalogueAnnouncement).set({ complete: true }).where(eq(catalogueAnnouncement.complete, false));
}
