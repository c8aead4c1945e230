import { isInSpan, type Span } from "@shop/contracts/http/page";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SagaStatus, SagaStep } from "@shop/contracts/http/saga";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { fill, plansOf } from "@shop/testing/plans";
import { sql } from "drizzle-orm";
import { findSaga, listSagas } from "./sagas.ts";

const ROWS = 1_000_000;
const HALF = ROWS / 2;
const LIMIT = 21;
/** An order's way to its end has about as many entries. */
const ENTRIES = 6;
const uuid = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const EXAMPLE = 500_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  await fill(
    database.url,
    // As bad as it gets: of each status and step the newest lie behind very many of another one.
    sql`
      insert into saga (id, order_id, definition, version, status, step, data, attempts, next_attempt_at, stuck_since, revision,
        created_at, updated_at, reason)
      select id, id, 'order', 1, status, step, '{}', 1, case when n > ${HALF} then now() end,
        case when n between ${HALF} and ${HALF + 1000} then now() end, 1, now(), now(), case when status in ('CANCELLED', 'COMPENSATING') then 'OUT_OF_STOCK' end
      from (select n, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
        case when n <= 1000 then 'CANCELLED' when n <= ${HALF} then 'COMPLETE' when n <= ${HALF + 2000} then 'COMPENSATING' else 'RUNNING' end as status,
        case when n <= 1000 then 'CANCEL_ORDER' when n <= ${HALF} then 'COMPLETE_ORDER' when n <= ${HALF + 2000} then 'INCREASE_PRODUCT' else 'WAIT_FOR_RIDER' end as step
        from generate_series(1, ${ROWS}::int) as n) as rows`,
    sql`
      insert into saga_history (saga_id, seq, at, step, detail)
      select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, entry, now(), 'WAIT_FOR_RIDER', 'x'
      from generate_series(${ROWS - 200}::int, ${ROWS}::int) as n, generate_series(1, ${ENTRIES}::int) as entry`,
  );
}, 300_000);
afterAll(() => database.drop());

const spans: readonly Span[] = [
  { oldestFirst: false },
  { oldestFirst: false, afterId: uuid(EXAMPLE) },
  { oldestFirst: true, fromId: uuid(10), toId: uuid(ROWS - 10) },
];
/** Why sagas compensate, with each status and step that such a saga can have. */
const byReason = [undefined, "STUCK", "CANCELLED"].flatMap((status) =>
  spans.map((span) => ({ status: status as SagaStatus | undefined, reason: "OUT_OF_STOCK" as const, span })),
);

const filters = [undefined, ...SagaStatus.options].flatMap((status) =>
  [undefined, ...SagaStep.options].flatMap((step) =>
    [undefined, uuid(EXAMPLE)].flatMap((orderId) => spans.map((span) => ({ status, step, orderId, span }))),
  ),
);

test(`every list of sagas reads about a page of ${ROWS} rows, from an index in its order, whatever it asks for`, async () => {
  for (const wanted of [...filters, ...byReason]) {
    let ids: readonly string[] = [];
    const plans = await plansOf(database.url, async (db) => {
      ids = (await listSagas(db, { ...wanted, limit: LIMIT })).map(({ id }) => id);
    });
    expect(plans.length).toBeGreaterThan(0);
    const pages = Math.max(SagaStatus.options.length, SagaStep.options.length, ENTRIES);
    for (const { scanned, rowsRead, rowsSorted, nodes } of plans)
      expect({
        wanted,
        nodes,
        scanned,
        isBounded: rowsRead <= LIMIT * pages * 2 && rowsSorted <= LIMIT * pages,
      }).toEqual({
        ...{ wanted, nodes, scanned: [], isBounded: true },
      });
    expect(ids).toEqual(wanted.span.oldestFirst ? ids.toSorted() : ids.toSorted().toReversed());
    expect(ids.filter((id) => !isInSpan(id, wanted.span))).toEqual([]);
  }
}, 240_000);

test("one saga is read with its own rows only", async () => {
  for (const { scanned, rowsRead } of await plansOf(database.url, (db) => findSaga(db, uuid(ROWS))))
    expect([scanned, rowsRead <= 2 * ENTRIES + 1]).toEqual([[], true]);
}, 60_000);
