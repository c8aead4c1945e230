import { isInSpan, type Span } from "@shop/contracts/http/page";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Delivery, DeliveryStatus } from "@shop/contracts/http/delivery";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { fill, plansOf } from "@shop/testing/plans";
import { sql } from "drizzle-orm";
import { changeDeliveryStates, listDeliveries, readDeliveries } from "./deliveries.ts";

const ROWS = 1_000_000;
const LIMIT = 21;
const uuid = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const BUSY = uuid(1);
const EXAMPLE = 500_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ service: "delivery" });
  // As bad as it gets: of each status the newest lie behind very many of another one, and one customer has a fifth of all.
  await fill(
    database.url,
    sql`
    insert into delivery (id, order_id, customer_id, status, delivery_address, rider_id, fail_reason, created_at, updated_at, completed_at)
    select id, id, case when n % 5 = 0 then ${BUSY}::uuid else id end, status, 'x',
      case when status in ('COMPLETE', 'FAILED') then id end, case when status = 'FAILED' then 'x' end, now(), now(),
      case when status = 'COMPLETE' then now() end
    from (select n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
      case when n <= 1000 then 'FAILED' when n <= 2000 then 'CANCELLED' when n > ${ROWS / 2} then 'PENDING' else 'COMPLETE' end as status
      from generate_series(1, ${ROWS}) as n) as rows`,
  );
}, 300_000);
afterAll(() => database.drop());

const spans: readonly Span[] = [
  { oldestFirst: false },
  { oldestFirst: false, afterId: uuid(EXAMPLE) },
  { oldestFirst: true, afterId: uuid(EXAMPLE), fromId: uuid(10), toId: uuid(ROWS - 10) },
];

const filters = [undefined, ...DeliveryStatus.options].flatMap((status) =>
  [undefined, uuid(EXAMPLE)].flatMap((orderId) =>
    [undefined, BUSY].flatMap((customerId) => spans.map((span) => ({ status, orderId, customerId, span }))),
  ),
);

test(`every list of deliveries reads about a page of ${ROWS} rows, from an index in its order, whatever it asks for`, async () => {
  for (const wanted of filters) {
    let found: readonly Delivery[] = [];
    const plans = await plansOf(database.url, async (db) => {
      found = await listDeliveries(db, { ...wanted, limit: LIMIT });
    });
    expect(plans.length).toBeGreaterThan(0);
    const statuses = wanted.customerId === undefined ? 1 : DeliveryStatus.options.length;
    for (const { scanned, rowsRead, rowsSorted, nodes } of plans)
      expect({
        wanted,
        nodes,
        scanned,
        isBounded: rowsRead <= LIMIT * statuses && rowsSorted <= LIMIT * statuses,
      }).toEqual({ wanted, nodes, scanned: [], isBounded: true });
    const ids = found.map(({ id }) => id);
    expect(ids).toEqual(wanted.span.oldestFirst ? ids.toSorted() : ids.toSorted().toReversed());
    expect(ids.filter((id) => !isInSpan(id, wanted.span))).toEqual([]);
  }
}, 120_000);

test("a customer's list of every status is in the order of time, page after page", async () => {
  const newest = Array.from({ length: 100 }, (_, index) => uuid(ROWS - index * 5));
  await plansOf(database.url, async (db) => {
    const seen: string[] = [];
    while (seen.length < newest.length) {
      const wanted = {
        customerId: BUSY,
        status: undefined,
        orderId: undefined,
        span: { oldestFirst: false, afterId: seen.at(-1) },
        limit: 30,
      };
      seen.push(...(await listDeliveries(db, wanted)).map(({ id }) => id));
    }
    expect(seen.slice(0, newest.length)).toEqual(newest);
  });
}, 60_000);

test(`a group of riders reads and changes its deliveries by their ids, whatever number of others there is`, async () => {
  const ids = Array.from({ length: 100 }, (_, index) => uuid(ROWS - index));
  const plans = await plansOf(database.url, async (db) => {
    const rows = await readDeliveries(db, ids);
    const changes = rows.map((row) => ({ before: row, after: { ...row, riderId: BUSY } }));
    // Deliveries that change hands tell nobody.
    const changed = await changeDeliveryStates(db, changes, (of) => sql`select from delivery where id in (${of})`);
    expect([...changed].toSorted()).toEqual(ids.toSorted());
  });
  expect(plans).toHaveLength(4);
  for (const { scanned, rowsRead } of plans)
    expect({ scanned, isBounded: rowsRead <= 20 * ids.length }).toEqual({ scanned: [], isBounded: true });
}, 60_000);
