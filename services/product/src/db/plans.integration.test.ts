import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { fill, plansOf } from "@shop/testing/plans";
import { sql } from "drizzle-orm";
import { broughtInBetween, heldBetween } from "./stock-audit-parts.ts";

const ROWS = 300_000;
/** Rows of a transaction. */
const BATCH = 100;
/** Far above those of the server, so that no id is of its own transactions. */
const FIRST_TRANSACTION = 1_000_000_000;
const END = FIRST_TRANSACTION + ROWS / BATCH;
/** A range of pages that BRIN tells apart is a megabyte, which has some 10,000 rows; the newest may not be told apart yet. */
const RANGES = 3 * 10_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ service: "product" });
  const product = "01900000-0000-7000-8000-000000000000";
  await fill(
    database.url,
    sql`
      insert into product (id, name, description, price, currency, stock, created_at)
      values (${product}, 'Tea', '', 1, 'KRW', 0, now())`,
    sql`
      insert into reservation (order_id, status, items, decided_at, decided_in, changed_in)
      select gen_random_uuid(), 'TAKEN', ${JSON.stringify([{ productId: product, quantity: 1 }])}::text::jsonb, now(), id, id
      from (select ${FIRST_TRANSACTION}::bigint + n / ${BATCH}::int as id from generate_series(0, ${ROWS - 1}::int) as n) as ids`,
    sql`
      insert into stock_change (product_id, delta, changed_at, made_in)
      select ${product}, 1, now(), ${FIRST_TRANSACTION}::bigint + n / ${BATCH}::int from generate_series(0, ${ROWS - 1}::int) as n`,
  );
}, 300_000);
afterAll(() => database.drop());

test(`what was written since the last audit is found by an index among ${ROWS} rows`, async () => {
  for (const [name, partBetween] of Object.entries({ heldBetween, broughtInBetween })) {
    for (const from of [FIRST_TRANSACTION + 1_000, END - 10]) {
      const between = { last: `${from}:${from}:`, end: END, from, to: from + 10 };
      let rows: unknown;
      const plans = await plansOf(database.url, async (db) => {
        rows = (await db.execute(partBetween(between)))[0]?.["rows"];
      });
      expect({ name, rows }).toEqual({ name, rows: 10 * BATCH });
      expect(plans).toHaveLength(2);
      for (const { nodes, scanned, rowsRead } of plans)
        expect({ name, nodes, scanned, isBounded: rowsRead <= RANGES }).toEqual({
          ...{ name, nodes, scanned: [], isBounded: true },
        });
    }
  }
}, 120_000);
