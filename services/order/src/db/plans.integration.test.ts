import type { Span } from "@shop/contracts/http/page";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import { OrderStatus } from "@shop/contracts/http/order";
import { listDeadLetters } from "@shop/messaging/dead-letters/dead-letter-list";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { fill, plansOf } from "@shop/testing/plans";
import { sql } from "drizzle-orm";
import { listOrders, type OrderFilter } from "./orders.ts";

const ORDERS = 1_000_000;
const LETTERS = 200_000;
const LIMIT = 21;
const uuid = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const BUSY = uuid(1);

const spans = [
  { oldestFirst: false },
  { oldestFirst: false, afterId: uuid(ORDERS / 8) },
  { oldestFirst: true, fromId: uuid(10), toId: uuid(ORDERS - 10) },
] as const satisfies readonly Span[];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ service: "order" });
  await fill(
    database.url,
    // As bad as it gets: what is looked for lies behind very many newer rows of others.
    sql`
      insert into orders (id, customer_id, status, progress, items, total, currency, delivery_address, created_at, updated_at, cancel_reason)
      select id, case when n <= ${ORDERS / 4}::int then ${BUSY}::uuid else id end, status, case when status = 'PENDING' then 'CREATED' else status end, '[]', 0, 'KRW', 'x', now(), now(),
        case when status = 'CANCELLED' then case when n <= 100 then 'TIMED_OUT' else 'OUT_OF_STOCK' end end
      from (select n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
        case when n <= 1000 then 'CANCELLED' when n <= 2000 then 'PENDING' else 'COMPLETE' end as status
        from generate_series(1, ${ORDERS}::int) as n) as rows`,
    sql`
      insert into order_search (order_id, terms)
      select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
        to_tsvector('simple', 'seoul street' || (n::bigint * 7919) % 5000 || case when n <= 5 then ' rare' else '' end) ||
          array_to_tsvector(array['product:' || ('01900000-0000-7000-8000-' || lpad(to_hex(n % 1000), 12, '0'))])
      from generate_series(1, ${ORDERS}::int) as n`,
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
  const reasons = ["TIMED_OUT", "OUT_OF_STOCK", "DELIVERY_FAILED"] as const;
  const filters: readonly OrderFilter[] = [
    ...[undefined, BUSY, uuid(ORDERS)].map((customerId) => ({ customerId })),
    ...OrderStatus.options.map((status) => ({ status })),
    ...reasons.map((reason) => ({ reason })),
  ];
  for (const filter of filters)
    for (const span of spans) await expectBounded((db) => listOrders(db, { ...filter, span, limit: LIMIT }));
}, 120_000);

test(`orders are searched for by words and products from an index, of ${ORDERS} that match as well as of five`, async () => {
  // The first 2,000 orders are looked at one by one, those of a word that fewer orders have are read from its index.
  const bound = 3 * 2_000;
  const filters: readonly OrderFilter[] = [
    ...["rare", "street777", "street77", "street7", "seoul", "seoul rare", "nowhere", "stree rare"].map((words) => ({
      words,
    })),
    { productId: uuid(7) },
    { productId: uuid(7), words: "street7" },
    { words: "seoul", status: "COMPLETE" },
  ];
  for (const filter of filters) {
    const plans = await plansOf(database.url, (db) => listOrders(db, { ...filter, span: spans[0], limit: LIMIT }));
    expect(plans.length).toBeGreaterThan(0);
    for (const { nodes, scanned, rowsRead } of plans)
      expect({ filter, nodes, scanned, isBounded: rowsRead <= bound }).toEqual({
        ...{ filter, nodes, scanned: [], isBounded: true },
      });
  }
}, 120_000);

test(`every list of dead letters reads a page of ${LETTERS} rows, from an index in its order`, async () => {
  for (const cause of [undefined, ...DeadLetterCause.options])
    for (const key of [undefined, "busy", "key 7"])
      for (const span of [...spans, { oldestFirst: false, afterId: uuid(LETTERS / 8) }])
        await expectBounded(
          (db) => listDeadLetters(db, { cause, key, span, limit: LIMIT }),
          DeadLetterCause.options.length,
        );
}, 120_000);
