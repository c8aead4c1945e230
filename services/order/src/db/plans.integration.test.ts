import { afterAll, beforeAll, expect, test } from "bun:test";
import { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import { listDeadLetters } from "@shop/messaging/dead-letter-list";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { fill, plansOf } from "@shop/testing/plans";
import { sql } from "drizzle-orm";
import { listOrders } from "./orders.ts";

const ORDERS = 1_000_000;
const LETTERS = 200_000;
const LIMIT = 21;
const uuid = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const BUSY = uuid(1);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ service: "order" });
  await fill(
    database.url,
    // As bad as it gets: what is looked for lies behind very many newer rows of others.
    sql`
      insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at)
      select id, case when n <= ${ORDERS / 4}::int then ${BUSY}::uuid else id end, 'PENDING', 'CREATED', '[]', 0, 'KRW', 'x', now(), now()
      from (select n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id from generate_series(1, ${ORDERS}::int) as n) as rows`,
    sql`
      insert into dead_letter (id, cause, detail, topic, partition, record_offset, key, headers, failed_at)
      select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        case when n <= ${LETTERS / 4}::int then 'REFUSED' else 'NOT_JSON' end, 'x', 'topic', 0, n,
        case when n % 4 = 0 and n <= ${LETTERS / 2}::int then 'busy' else 'key ' || n end, '{}', now()
      from generate_series(1, ${LETTERS}::int) as n`,
    // As long as Kafka lets it be: longer than an index takes.
    sql`
      insert into dead_letter (id, cause, detail, topic, partition, record_offset, key, headers, failed_at)
      values (${uuid(LETTERS + 1)}, 'NOT_JSON', 'x', 'topic', 1, 1, (select string_agg(md5(n::text), '') from generate_series(1, 3000) as n), '{}', now())`,
  );
}, 300_000);
afterAll(() => database.drop());

async function expectBounded(read: Parameters<typeof plansOf>[1], pages = 1): Promise<void> {
  const plans = await plansOf(database.url, read);
  expect(plans.length).toBeGreaterThan(0);
  for (const { scanned, rowsRead, rowsSorted, nodes } of plans)
    expect({
      ...{ nodes, scanned, isBounded: rowsRead <= LIMIT * pages && rowsSorted <= LIMIT * (pages - 1) },
    }).toEqual({ nodes, scanned: [], isBounded: true });
}

test(`every list of orders reads a page of ${ORDERS} rows, from an index in its order`, async () => {
  for (const customerId of [undefined, BUSY, uuid(ORDERS)])
    for (const afterId of [undefined, uuid(ORDERS / 8)])
      await expectBounded((db) => listOrders(db, { customerId, afterId, limit: LIMIT }));
}, 120_000);

test(`every list of dead letters reads a page of ${LETTERS} rows, from an index in its order`, async () => {
  for (const cause of [undefined, ...DeadLetterCause.options])
    for (const key of [undefined, "busy", "key 7"])
      for (const afterId of [undefined, uuid(LETTERS / 8)])
        await expectBounded(
          (db) => listDeadLetters(db, { cause, key, afterId, limit: LIMIT }),
          DeadLetterCause.options.length,
        );
}, 120_000);
